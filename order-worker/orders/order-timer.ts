import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { timerId, timerSecondOf } from '#contract/expiry-timer.ts';
import { queueNames, queuePrefix } from '#contract/queues.ts';

/** The job that ends the time to pay of all orders of a second. `dueAt`, ISO 8601, of one that is delayed. */
export type OrderTimer = { id: string; state: string; tries: number; dueAt: string | null; reason: string | null };

/** The timer that comes for an order with this time to pay (ISO 8601); null: the queue has none. */
export async function readOrderTimer(queueRedis: Redis, payBy: string): Promise<OrderTimer | null> {
  const queue = new Queue(queueNames.expiry, { connection: queueRedis, prefix: queuePrefix, skipVersionCheck: true });
  queue.on('error', () => {}); // the calls below reject with it
  const id = timerId(timerSecondOf(Date.parse(payBy)));
  const job = await queue.getJob(id);
  if (job === undefined) return null;
  // BullMQ's score of a delayed job: Unix ms times 4,096, and a count.
  const [state, score] = await Promise.all([job.getState(), queueRedis.zscore(queue.toKey('delayed'), id)]);
  const dueAt = score === null ? null : new Date(Math.floor(Number(score) / 0x1000)).toISOString();
  return { id, state, tries: job.attemptsMade, dueAt, reason: job.failedReason ?? null };
}
