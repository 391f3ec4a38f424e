import { type AcceptedOrder, tracks } from '#contract/order.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Tracing } from '#runtime/tracing.ts';
import { type CommitBatch, PoisonOrder } from './commit-batch.ts';
import type { Unstorable } from './end-job.ts';
import type { Pacer } from './pacer.ts';
import { ownJob, type Part } from './taken-job.ts';

export type OnDone = (outcome: 'stored' | 'already' | 'poison', count: number) => void;

/**
 * Stores a batch and counts at each job how many of its orders are done. Returns those that cannot be stored, by part.
 * Throws when the batch as a whole was not stored.
 */
export function createStoreJobs(deps: {
  pacer: Pick<Pacer, 'stored'>;
  commitBatch: CommitBatch;
  logger: Logger;
  onDone: OnDone;
  tracing: Pick<Tracing, 'record'> | null;
}): (parts: readonly Part[]) => Promise<Unstorable[][]> {
  const { pacer, commitBatch, logger, onDone, tracing } = deps;

  return async (parts) => {
    const takenAt = Date.now();
    const outcomes = await commitBatch(parts.flatMap(({ orders }) => orders));
    // An order may be on the queue twice, and twice in a batch: it is stored once.
    const stored = new Set<string>();
    const done: ReturnType<typeof tracks>[] = [];
    let index = 0;
    const unstorable = parts.map(({ from, orders }) => {
      const refused: Unstorable[] = [];
      for (const order of orders) {
        const outcome = outcomes[index++] ?? new PoisonOrder('it was not answered for');
        if (outcome instanceof PoisonOrder) {
          refused.push({ ...ownJob(order), reason: outcome.message });
          continue;
        }
        if (outcome.kind === 'stored') stored.add(order.orderId);
        done.push(tracks(order));
        if (tracing !== null) traceStoring(tracing, order, takenAt);
      }
      from.done += orders.length - refused.length;
      return refused;
    });
    if (done.length > 0) logger.info({ orders: done }, 'orders stored');
    if (stored.size > 0) onDone('stored', stored.size);
    if (done.length > stored.size) onDone('already', done.length - stored.size);
    pacer.stored(stored.size);
    return unstorable;
  };
}

/** From the queue until the row is there and stock Redis knows. */
function traceStoring(
  tracing: Pick<Tracing, 'record'>,
  { orderId, traceparent }: AcceptedOrder,
  startMs: number,
): void {
  if (traceparent === undefined) return;
  const attributes = { 'seckill.order': orderId };
  tracing.record({ name: 'store', kind: 'consumer', parent: traceparent, startMs, endMs: Date.now(), attributes });
}
