import type { Job, Queue } from 'bullmq';
import { acceptedOrderSchema } from '#contract/order.ts';

export type Backlog = {
  waiting: number;
  active: number;
  delayed: number;
  failed: number;
  /** When the order that has waited longest in the queue was accepted, Unix ms; null when none waits. */
  oldestAcceptedAt: number | null;
};

/** What is in the orders queue: a handful of short calls, whatever its length. */
export async function readBacklog(queue: Queue): Promise<Backlog> {
  const {
    waiting = 0,
    active = 0,
    delayed = 0,
    failed = 0,
  } = await queue.getJobCounts('waiting', 'active', 'delayed', 'failed');
  // In each list, the one that came first.
  const first = await Promise.all(
    (['waiting', 'active', 'delayed'] as const).map((at) => queue.getJobs([at], 0, 0, true)),
  );
  const accepted = first.flat().flatMap(acceptedAt);
  return { waiting, active, delayed, failed, oldestAcceptedAt: accepted.length === 0 ? null : Math.min(...accepted) };
}

/** None when the job is gone in the meantime, or holds no order. */
function acceptedAt(job: Job | undefined): number[] {
  const order = acceptedOrderSchema.safeParse(job?.data);
  return order.success ? [order.data.acceptedAt] : [];
}
