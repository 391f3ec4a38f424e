import type { Job, Queue } from 'bullmq';
import { isReadable, ordersOfJob } from '#contract/order-chunk.ts';
import { countOrders, type OrderCounts, ordersDone } from '../queue/queued-orders.ts';

export type Backlog = OrderCounts & {
  /** When the order that has waited longest in the queue was accepted, Unix ms; null when none waits. */
  oldestAcceptedAt: number | null;
};

/** What is in the orders queue: a handful of short calls, whatever its length. */
export async function readBacklog(queue: Queue): Promise<Backlog> {
  const [counts, ...first] = await Promise.all([
    countOrders(queue),
    // In each list, the one that came first.
    ...(['waiting', 'active', 'delayed'] as const).map((at) => queue.getJobs([at], 0, 0, true)),
  ]);
  const accepted = first.flat().flatMap(acceptedAt);
  return { ...counts, oldestAcceptedAt: accepted.length === 0 ? null : Math.min(...accepted) };
}

/** Of each order that still waits in it; none when the job is gone in the meantime, or holds no order. */
function acceptedAt(job: Job | undefined): number[] {
  if (job === undefined) return [];
  const orders = ordersOfJob(job.data).slice(ordersDone(job));
  return orders.filter(isReadable).map((order) => order.acceptedAt);
}
