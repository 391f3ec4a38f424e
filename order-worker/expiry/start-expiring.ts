import { Queue } from 'bullmq';
import { expiryBucket } from '#contract/expiry-timer.ts';
import { expiryPerSecond, queueNames, queuePrefix } from '#contract/queues.ts';
import type { Own } from '#runtime/belongings.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { Redis } from '#runtime/redis/connect.ts';
import { createSharedRate } from '../rate/rate.ts';
import { createAskQueue } from './ask-queue.ts';
import { dueTimers } from './due-timers.ts';
import { createExpiry } from './expire-orders.ts';
import type { ExpiryMetrics } from './metrics.ts';
import { createPermits } from './permits.ts';
import { createExpirySchedule, type JustStored, unpaidAmong } from './schedule.ts';
import { startExpirySweep } from './sweep.ts';
import { startExpiryWorker } from './worker.ts';

/** The expiry of one worker with all that belongs to it. Start it before the drain, which tells it of orders. */
export function startExpiring(deps: {
  own: Own;
  /** Its own: expiry waits for nobody's connection and takes nobody's. */
  pool: Pool;
  queueRedis: Redis;
  logger: Logger;
  metrics: ExpiryMetrics;
  /** Orders have expired, their units are on their way back: look at the outbox. */
  onExpired: () => void;
}): {
  /** Orders are in the database: a timer comes for those that await payment. Never fails, never waits. */
  onStored: (orders: readonly JustStored[]) => void;
} {
  const { own, pool, queueRedis, logger, metrics, onExpired } = deps;
  const warn = createThrottledWarn(logger);
  const queue = new Queue(queueNames.expiry, { connection: queueRedis, prefix: queuePrefix });
  queue.on('error', (error) => warn(error, 'expiry queue'));

  const expiry = createExpiry({
    pool,
    onExpired: (orders, foundBy) => {
      onExpired();
      metrics.expired.inc({ found_by: foundBy }, orders.length);
      for (const { payByMs } of orders) metrics.lateSeconds.observe(Math.max(0, Date.now() - payByMs) / 1000);
    },
  });
  const schedule = createExpirySchedule({ queue, logger, now: Date.now });
  metrics.unscheduled(schedule.waiting);
  const ask = createAskQueue({ isConnected: () => queueRedis.status === 'ready', logger });
  const rate = createSharedRate(queueRedis, expiryBucket);
  const permits = createPermits({ rate, ask, perSecond: expiryPerSecond });
  const worker = startExpiryWorker({ queue, expiry, permits, logger, now: Date.now });
  const sweep = startExpirySweep({ expiry, dueTimers: () => ask(() => dueTimers(queue), []), permits, logger });

  // Closed the other way round: no timer is added any more, then none is taken, then none is looked for.
  own('expiry sweep', sweep);
  own('expiry worker', worker);
  own('expiry schedule', schedule);
  return { onStored: (orders) => schedule.add(unpaidAmong(orders)) };
}
