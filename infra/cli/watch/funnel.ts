import { countsSinceMs, type EdgeCounts, edgeCounts } from '#contract/edge-counts.ts';
import { effectiveState, type SaleState } from '#contract/sale.ts';
import { withDeadline } from '#runtime/deadline.ts';
import { parseSamples, type Sample } from '#runtime/prometheus-text.ts';
import { readEdges } from '#sales/edges.ts';
import type { CommandContext } from '../kit/connections.ts';

/**
 * Where a sale's requests and orders are, from the edge to the database. `accepted` and `stored` are of the whole sale; what
 * edges count is of the time since they started.
 */
export type Funnel = {
  saleId: string;
  state: SaleState | 'unknown';
  epoch: number;
  /** The lowest that any edge has applied. */
  edgeEpoch: number | null;
  /** Every connected edge with what it has applied of this sale; null while ZooKeeper does not answer. */
  edges:
    | { edgeId: string; epoch: number; silentSince: string | null; hasOffice: boolean; maintenance: boolean }[]
    | null;
  units: { total: number; free: number };
  edge:
    | ({
        /** When an edge began to count anew after the opening, ISO 8601; null when the counts are of the whole sale. */
        since: string | null;
      } & EdgeCounts)
    | null;
  accepted: number;
  outbox: number;
  /** Orders. */
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
  const { countOrders } = await import('#order-worker/queue/queued-orders.ts');
  const [sale, outbox, counts, samples, edges] = await Promise.all([
    context.stock.sale(saleId),
    context.stock.outboxLength(saleId),
    countOrders(queue).catch(() => null), // shown as unknown
    readEdgeSamples(...innerUrls),
    withDeadline(readEdges(context.zookeeper), edgesWithinMs, 'reading the edges').catch(() => null), // as above
  ]);
  return {
    saleId,
    state: sale === null ? 'unknown' : effectiveState(sale.state, sale.opensAtMs, sale.closesAtMs, Date.now()),
    epoch: sale?.epoch ?? 0,
    edgeEpoch: lowest(edges?.map(({ epochs }) => epochs[saleId] ?? 0)),
    edges:
      edges?.map(({ edgeId, epochs, silentSince, hasOffice, maintenance }) => ({
        edgeId,
        epoch: epochs[saleId] ?? 0,
        silentSince,
        hasOffice,
        maintenance,
      })) ?? null,
    units: { total: sale?.total ?? 0, free: sale?.free ?? 0 },
    edge: samples === null ? null : { ...edgeCounts(samples, saleId), since: anewSince(samples, sale?.opensAtMs) },
    accepted: sale === null ? 0 : sale.total - sale.free + sale.returned,
    outbox,
    queue: counts === null ? null : { waiting: counts.waiting, active: counts.active, failed: counts.failed },
    stored: sale?.committed ?? 0,
  };
}

/** Counts of an edge that began after the opening lack what came before. */
function anewSince(samples: readonly Sample[], opensAtMs = Number.POSITIVE_INFINITY): string | null {
  const sinceMs = countsSinceMs(samples);
  return sinceMs === null || sinceMs <= opensAtMs ? null : new Date(sinceMs).toISOString();
}

const lowest = (numbers: readonly number[] = []) => (numbers.length === 0 ? null : Math.min(...numbers));
