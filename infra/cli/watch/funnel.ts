import { edgeCounts } from '#contract/edge-counts.ts';
import { effectiveState, type SaleState } from '#contract/sale.ts';
import { withDeadline } from '#runtime/deadline.ts';
import { parseSamples, type Sample } from '#runtime/prometheus-text.ts';
import { readEdges } from '#sales/edges.ts';
import type { CommandContext } from '../kit/connections.ts';

/** Where a sale's requests and orders are, from the edge to the database. Counts are since the processes started. */
export type Funnel = {
  saleId: string;
  state: SaleState | 'unknown';
  epoch: number;
  /** The lowest that any edge has applied. */
  edgeEpoch: number | null;
  /** Every connected edge with what it has applied of this sale; null while ZooKeeper does not answer. */
  edges: { edgeId: string; epoch: number; silentSince: string | null; maintenance: boolean }[] | null;
  units: { total: number; free: number };
  edge: { arrived: number; passed: number; shed: Record<string, number> } | null;
  accepted: number;
  outbox: number;
  queue: { waiting: number; active: number; failed: number } | null;
  stored: number;
};

const edgesWithinMs = 1000;

/** Reads the own counters of edges, those of all that answer in one list; null when none does. */
export async function readEdgeSamples(...innerUrls: readonly string[]): Promise<Sample[] | null> {
  const answers = await Promise.all(innerUrls.map(readSamples));
  const samples = answers.filter((each) => each !== null);
  return samples.length === 0 ? null : samples.flat();
}

async function readSamples(innerUrl: string): Promise<Sample[] | null> {
  try {
    const response = await fetch(new URL('/metrics', innerUrl), { signal: AbortSignal.timeout(1000) });
    return response.ok ? parseSamples(await response.text()) : null;
  } catch {
    return null; // the funnel shows the edge as unknown
  }
}

export async function readFunnel(context: CommandContext, saleId: string): Promise<Funnel> {
  const innerUrls = context.environment.SECKILL_EDGE_INNER_URL?.split(',') ?? [];
  const queue = await context.queue();
  const [sale, outbox, counts, samples, edges] = await Promise.all([
    context.stock.sale(saleId),
    context.stock.outboxLength(saleId),
    queue.getJobCounts('waiting', 'active', 'failed').catch(() => null), // shown as unknown
    readEdgeSamples(...innerUrls),
    withDeadline(readEdges(context.zookeeper), edgesWithinMs, 'reading the edges').catch(() => null), // as above
  ]);
  return {
    saleId,
    state: sale === null ? 'unknown' : effectiveState(sale.state, sale.opensAtMs, sale.closesAtMs, Date.now()),
    epoch: sale?.epoch ?? 0,
    edgeEpoch: lowest(edges?.map(({ epochs }) => epochs[saleId] ?? 0)),
    edges:
      edges?.map(({ edgeId, epochs, silentSince, maintenance }) => ({
        edgeId,
        epoch: epochs[saleId] ?? 0,
        silentSince,
        maintenance,
      })) ?? null,
    units: { total: sale?.total ?? 0, free: sale?.free ?? 0 },
    edge: samples === null ? null : edgeCounts(samples, saleId),
    accepted: sale === null ? 0 : sale.total - sale.free + sale.returned,
    outbox,
    queue:
      counts === null ? null : { waiting: counts.waiting ?? 0, active: counts.active ?? 0, failed: counts.failed ?? 0 },
    stored: sale?.committed ?? 0,
  };
}

const lowest = (numbers: readonly number[] = []) => (numbers.length === 0 ? null : Math.min(...numbers));

/** How many edges follow, and the names of those that do not. */
function edgesPart({ edges, epoch }: Funnel): string {
  if (edges === null) return 'edges ?';
  const behind = edges.filter((edge) => edge.epoch < epoch).map((edge) => `${edge.edgeId} at e${edge.epoch}`);
  const silent = edges.filter(({ silentSince }) => silentSince !== null).map(({ edgeId }) => `${edgeId} silent`);
  const closed = edges.some(({ maintenance }) => maintenance) ? ['MAINTENANCE'] : [];
  const notes = [...behind, ...silent, ...closed];
  return `edges ${edges.length}${notes.length === 0 ? ' in step' : ` (${notes.join(', ')})`}`;
}

/** One line for a terminal. */
export function funnelLine(funnel: Funnel): string {
  const { edge, queue } = funnel;
  const shed = Object.entries(edge?.shed ?? {})
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(', ');
  return [
    `${funnel.saleId} ${funnel.state} e${funnel.epoch}`,
    edgesPart(funnel),
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
