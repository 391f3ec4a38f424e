import { setTimeout as wait } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { expiryPerSecond, queueNames, queuePrefix } from '#contract/queues.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import type { Pool } from '#runtime/postgres.ts';
import type { Redis } from '#runtime/redis.ts';
import type { Closer } from '#runtime/shutdown.ts';
import { createExpiry } from './expire-orders.ts';
import type { ExpiryMetrics } from './metrics.ts';
import { createExpirySchedule, type JustStored, unpaidAmong } from './schedule.ts';
import { startExpirySweep } from './sweep.ts';
import { startExpiryWorker } from './worker.ts';

/** The expiry of one worker with all that belongs to it. What it returns is closed in this order, after the drain. */
export function startExpiring(deps: {
  /** Its own: expiry waits for nobody's connection and takes nobody's. */
  pool: Pool;
  queueRedis: Redis;
  logger: Logger;
  metrics: ExpiryMetrics;
  /** Orders have expired, their units are on their way back: look at the outbox. */
  onExpired: () => void;
}): {
  /** Orders are in the database: those that await payment get their job. Never fails, never waits. */
  onStored: (orders: readonly JustStored[]) => void;
  closers: Closer[];
} {
  const { pool, queueRedis, logger, metrics, onExpired } = deps;
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
  const worker = startExpiryWorker({ queue, expiry, logger, now: Date.now });
  const sweep = startExpirySweep({
    expiry,
    dueJobs: async () => {
      if (queueRedis.status !== 'ready') return 0; // or the question would wait in our memory
      const { waiting = 0, active = 0 } = await queue.getJobCounts('waiting', 'active');
      return waiting + active;
    },
    wait: async (ms) => void (await wait(ms)),
    logger,
    perSecond: expiryPerSecond,
  });

  return {
    onStored: (orders) => schedule.add(unpaidAmong(orders)),
    closers: [
      { name: 'expiry schedule', close: schedule.close },
      { name: 'expiry worker', close: worker.close },
      { name: 'expiry sweep', close: sweep.close },
    ],
  };
}
