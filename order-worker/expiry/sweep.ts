import type { Logger } from '#runtime/logger.ts';
import { type Loop, startLoop } from '#runtime/loop.ts';
import { isDatabaseOutage } from '#runtime/postgres/connect.ts';
import type { Expiry } from './expire-orders.ts';
import type { Permits } from './permits.ts';

const batchSize = 200;
const maxRefused = 100;

/**
 * Finds the unpaid orders that no timer comes for (a wiped queue Redis, a worker that died before it made the timer), and
 * expires them: a bounded look along an index, every `everyMs`, a batch at a time. Any number of sweeps may run. The seconds
 * whose timer is due and in the queue are left out: those orders are late, not lost. So no lost order waits for a timer, however
 * long that takes. A queue Redis that does not answer holds up none of it.
 */
export function startExpirySweep(deps: {
  expiry: Pick<Expiry, 'expireOverdue'>;
  /** The seconds of due timers that no worker has finished. */
  dueTimers: () => Promise<number[]>;
  permits: Pick<Permits, 'takeAll'>;
  logger: Logger;
  overdueMs?: number;
  everyMs?: number;
}): Loop {
  const { expiry, dueTimers, permits, logger, overdueMs = 3000, everyMs = 5000 } = deps;
  let limit = batchSize;
  let skip = 0;

  return startLoop({
    name: 'expiry sweep',
    everyMs,
    logger,
    pass: async () => {
      const inHand = await dueTimers();
      try {
        const expired = await expiry.expireOverdue({ overdueMs, limit, skip, inHand });
        if (expired > 0) logger.warn({ orders: expired }, 'overdue orders had no timer; the sweep expired them');
        await permits.takeAll(expired); // afterwards: most looks find nothing
        if (expired === limit) return 'more';
        skip = 0;
        limit = batchSize;
        return 'idle';
      } catch (error) {
        if (isDatabaseOutage(error)) throw error;
        if (skip === maxRefused) {
          skip = 0;
          throw error;
        }
        // One of them cannot be expired. They are tried one by one until it is found; it is passed over in this sweep.
        if (limit === 1) {
          logger.error({ err: error }, 'an overdue order cannot be expired: run seckill audit');
          skip += 1;
        }
        limit = limit === 1 ? batchSize : 1;
        return 'more';
      }
    },
  });
}
