import { effectiveState, type SaleState } from '#contract/sale.ts';
import type { CommandContext } from './connections.ts';
import { parseSamples, type Sample } from './prometheus-text.ts';

/** Where a sale's requests and orders are, from the edge to the database. Counts are since the processes started. */
export type Funnel = {
  saleId: string;
  state: SaleState | 'unknown';
  epoch: number;
  edgeEpoch: number | null;
  units: { total: number; free: number };
  edge: { arrived: number; passed: number; shed: Record<string, number> } | null;
  accepted: number;
  outbox: number;
  queue: { waiting: number; active: number; failed: number } | null;
  stored: number;
};

/** Reads the edge's own counters; null when the edge does not answer. */
export async function readEdgeSamples(innerUrl: string): Promise<Sample[] | null> {
  try {
    const response = await fetch(new URL('/metrics', innerUrl), { signal: AbortSignal.timeout(1000) });
    return response.ok ? parseSamples(await response.text()) : null;
  } catch {
    return null; // the funnel shows the edge as unknown
  }
}

/** What the edge did with a sale's purchases: passed on, or shed by reason. */
export function edgeCounts(samples: readonly Sample[], saleId: string): NonNullable<Funnel['edge']> {
  const shed: Record<string, number> = {};
  let passed = 0;
  for (const { name, labels, value } of samples) {
    if (name !== 'seckill_edge_requests_total' || labels.sale !== saleId) continue;
    const outcome = labels.outcome ?? '';
    if (outcome === 'passed') passed += value;
    else shed[outcome] = (shed[outcome] ?? 0) + value;
  }
  const arrived = passed + Object.values(shed).reduce((sum, count) => sum + count, 0);
  return { arrived, passed, shed };
}

export async function readFunnel(context: CommandContext, saleId: string): Promise<Funnel> {
  const innerUrl = context.environment.SECKILL_EDGE_INNER_URL;
  const [sale, outbox, counts, samples] = await Promise.all([
    context.stock.sale(saleId),
    context.stock.outboxLength(saleId),
    context.queue.getJobCounts('waiting', 'active', 'failed').catch(() => null), // shown as unknown
    innerUrl === undefined ? null : readEdgeSamples(innerUrl),
  ]);
  const applied = samples?.find(({ name, labels }) => name === 'seckill_edge_applied_epoch' && labels.sale === saleId);
  return {
    saleId,
    state: sale === null ? 'unknown' : effectiveState(sale.state, sale.opensAtMs, sale.closesAtMs, Date.now()),
    epoch: sale?.epoch ?? 0,
    edgeEpoch: applied?.value ?? null,
    units: { total: sale?.total ?? 0, free: sale?.free ?? 0 },
    edge: samples === null ? null : edgeCounts(samples, saleId),
    accepted: sale === null ? 0 : sale.total - sale.free + sale.returned,
    outbox,
    queue:
      counts === null ? null : { waiting: counts.waiting ?? 0, active: counts.active ?? 0, failed: counts.failed ?? 0 },
    stored: sale?.committed ?? 0,
  };
}

/** One line for a terminal. */
export function funnelLine(funnel: Funnel): string {
  const { edge, queue } = funnel;
  const shed = Object.entries(edge?.shed ?? {})
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(', ');
  const inStep = funnel.edgeEpoch === funnel.epoch ? '' : ` (edge at ${funnel.edgeEpoch ?? '?'})`;
  return [
    `${funnel.saleId} ${funnel.state} e${funnel.epoch}${inStep}`,
    `free ${funnel.units.free}/${funnel.units.total}`,
    edge === null
      ? 'edge ?'
      : `arrived ${edge.arrived}, shed ${edge.arrived - edge.passed}${shed === '' ? '' : ` (${shed})`}`,
    `accepted ${funnel.accepted}`,
    `outbox ${funnel.outbox}`,
    queue === null
      ? 'queue ?'
      : `queued ${queue.waiting + queue.active}${queue.failed > 0 ? `, dead letters ${queue.failed}` : ''}`,
    `stored ${funnel.stored}`,
  ].join(' | ');
}
