import { withDeadline } from '#runtime/deadline.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { type Loop, startLoop } from '#runtime/loop.ts';
import { isDatabaseOutage } from '#runtime/postgres/connect.ts';
import type { Expiry } from './expire-orders.ts';

const batchSize = 200;
/** So many due jobs on their way explain why orders are overdue. */
const shortQueue = 1000;
const queueDeadlineMs = 1000;
const maxRefused = 100;

/**
 * Finds the unpaid orders that no job comes for (a wiped queue Redis, a worker that died before it made the jobs), and
 * expires them: a bounded look along an index, every `everyMs`, a batch at a time. Any number of sweeps may run. While
 * many due jobs stand in the queue it waits: then they are what is late, and the queue's rate is the right one. A queue
 * Redis that does not answer holds up nobody.
 */
export function startExpirySweep(deps: {
  expiry: Pick<Expiry, 'expireOverdue'>;
  /** Due jobs that no worker has finished. */
  dueJobs: () => Promise<number>;
  wait: (ms: number) => Promise<void>;
  logger: Logger;
  overdueMs?: number;
  everyMs?: number;
  perSecond: number;
}): Loop {
  const { expiry, dueJobs, wait, logger, overdueMs = 3000, everyMs = 5000, perSecond } = deps;
  const warn = createThrottledWarn(logger);

  async function isBusy(): Promise<boolean> {
    try {
      return (await withDeadline(dueJobs(), queueDeadlineMs, 'asking queue Redis')) > shortQueue;
    } catch (error) {
      warn(error, 'expiry sweep without queue Redis');
      return false;
    }
  }

  let limit = batchSize;
  let refused = 0;

  return startLoop({
    name: 'expiry sweep',
    everyMs,
    logger,
    pass: async () => {
      if (await isBusy()) return 'idle';
      await wait((limit * 1000) / perSecond);
      try {
        const expired = await expiry.expireOverdue(overdueMs, limit, refused);
        if (expired > 0) logger.warn({ orders: expired }, 'overdue orders had no job; the sweep expired them');
        if (expired === limit) return 'more';
        refused = 0;
        limit = batchSize;
        return 'idle';
      } catch (error) {
        if (isDatabaseOutage(error)) throw error;
        if (refused === maxRefused) {
          refused = 0;
          throw error;
        }
        // One of them cannot be expired. They are tried one by one until it is found; it is passed over in this sweep.
        if (limit === 1) {
          logger.error({ err: error }, 'an overdue order cannot be expired: run seckill audit');
          refused += 1;
        }
        limit = limit === 1 ? batchSize : 1;
        return 'more';
      }
    },
  });
}
