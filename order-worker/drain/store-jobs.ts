import { UnrecoverableError } from 'bullmq';
import { type AcceptedOrder, acceptedOrderSchema, tracks } from '#contract/order.ts';
import type { createThrottledWarn, Logger } from '#runtime/logger.ts';
import type { Tracing } from '#runtime/tracing.ts';
import type { StoreOutcome } from '../orders/order-store.ts';
import { type CommitBatch, PoisonOrder } from './commit-batch.ts';
import type { OrderJob, OrderQueue } from './order-queue.ts';
import type { Pacer } from './pacer.ts';

export type OnDone = (outcome: 'stored' | 'already' | 'poison', count: number) => void;

/**
 * Stores the orders of jobs and returns the ids of those jobs that are done. The others are failed here, or are left to
 * another worker when this one ends.
 */
export function createStoreJobs(deps: {
  orderQueue: Pick<OrderQueue, 'fail'>;
  pacer: Pick<Pacer, 'stored'>;
  commitBatch: CommitBatch;
  logger: Logger;
  warn: ReturnType<typeof createThrottledWarn>;
  onDone: OnDone;
  tracing: Pick<Tracing, 'record'> | null;
  isEnding: () => boolean;
}): (jobs: readonly OrderJob[]) => Promise<string[]> {
  const { orderQueue, pacer, commitBatch, logger, warn, onDone, tracing, isEnding } = deps;

  /** Null when the batch as a whole was not stored; its jobs are seen to. */
  async function commit(jobs: readonly OrderJob[], orders: readonly AcceptedOrder[]) {
    try {
      return orders.length === 0 ? [] : await commitBatch(orders);
    } catch (error) {
      if (isEnding()) return null;
      warn(error, 'a batch of orders failed');
      const reason = error instanceof Error ? error : new Error(String(error));
      for (const { jobId } of jobs) await orderQueue.fail(jobId, reason);
      return null;
    }
  }

  async function giveUp(jobId: string, poison: PoisonOrder): Promise<void> {
    logger.error({ orderId: jobId, err: poison }, 'an order was given up on: see seckill dlq list');
    onDone('poison', 1);
    await orderQueue.fail(jobId, new UnrecoverableError(poison.message));
  }

  return async (jobs) => {
    const takenAt = Date.now();
    const results = new Map<string, StoreOutcome | PoisonOrder>();
    const orders = new Map<string, AcceptedOrder>();
    for (const { jobId, data } of jobs) {
      const order = parseOrder(data);
      if (order instanceof PoisonOrder) results.set(jobId, order);
      else orders.set(jobId, order);
    }
    const outcomes = await commit(jobs, [...orders.values()]);
    if (outcomes === null) return [];
    for (const [index, jobId] of [...orders.keys()].entries()) {
      results.set(jobId, outcomes[index] ?? new PoisonOrder('it was not answered for'));
    }

    const done: string[] = [];
    const stored: ReturnType<typeof tracks>[] = [];
    for (const [jobId, result] of results) {
      if (result instanceof PoisonOrder) {
        await giveUp(jobId, result);
        continue;
      }
      done.push(jobId);
      const order = orders.get(jobId);
      if (order === undefined) continue;
      stored.push(tracks(order));
      if (tracing !== null) traceStoring(tracing, order, takenAt);
    }
    if (stored.length > 0) logger.info({ orders: stored }, 'orders stored');
    for (const kind of ['stored', 'already'] as const) {
      const count = [...results.values()].filter((it) => !(it instanceof PoisonOrder) && it.kind === kind).length;
      if (count > 0) onDone(kind, count);
      if (kind === 'stored') pacer.stored(count);
    }
    return done;
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

function parseOrder(data: string): AcceptedOrder | PoisonOrder {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return new PoisonOrder('not an order: not JSON');
  }
  const order = acceptedOrderSchema.safeParse(value);
  return order.success ? order.data : new PoisonOrder(`not an order: ${order.error.issues[0]?.message}`);
}
