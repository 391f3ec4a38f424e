import { DelayedError, type Queue, RateLimitError, Worker } from 'bullmq';
import { expiryPerSecond, queuePrefix } from '#contract/queues.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { createMicroBatcher } from '#runtime/micro-batch.ts';
import { isDatabaseOutage } from '#runtime/postgres/connect.ts';
import type { Expiry, ExpiryOutcome } from './expire-orders.ts';
import { afterDueMs } from './schedule.ts';

/**
 * Takes due jobs off the expiry queue, at most `perSecond` over all workers, and expires their orders in micro-batches:
 * a hundred thousand that are due at once become a steady trickle of short transactions. The job of an order that was
 * paid just ends. One that came too early, by a clock that runs ahead, is delayed again.
 */
export function startExpiryWorker(deps: {
  queue: Queue;
  expiry: Pick<Expiry, 'expire'>;
  logger: Logger;
  now: () => number;
  perSecond?: number;
  /** How long due orders are left in the queue at a time while PostgreSQL is away. */
  outageRestMs?: number;
}): { close: () => Promise<void> } {
  const { queue, expiry, logger, now, perSecond = expiryPerSecond, outageRestMs = 1000 } = deps;
  const warn = createThrottledWarn(logger);
  // A tenth of a second's worth is a batch: as many as the limiter lets through together.
  const batchSize = Math.ceil(perSecond / 10);

  async function expireBatch(orderIds: readonly string[]): Promise<(ExpiryOutcome | Error)[]> {
    try {
      return await expiry.expire(orderIds);
    } catch (error) {
      if (isDatabaseOutage(error)) {
        warn(error, 'postgres is away: orders expire when it is back');
        await queue.rateLimit(outageRestMs);
        throw new RateLimitError(); // back to the queue, no attempt used up
      }
      logger.warn({ err: error, orders: orderIds.length }, 'a batch was refused; expiring its orders one by one');
      const outcomes: (ExpiryOutcome | Error)[] = [];
      for (const id of orderIds) outcomes.push(await expireOne(id));
      return outcomes;
    }
  }

  async function expireOne(orderId: string): Promise<ExpiryOutcome | Error> {
    try {
      const [outcome] = await expiry.expire([orderId]);
      return outcome ?? new Error('no outcome');
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  const batcher = createMicroBatcher({ handle: expireBatch, maxSize: batchSize, maxWaitMs: 20 });
  const worker = new Worker(
    queue.name,
    async (job, token) => {
      const outcome = await batcher.add(job.id ?? '');
      if (outcome.kind !== 'early') return;
      await job.moveToDelayed(now() + outcome.dueInMs + afterDueMs, token);
      throw new DelayedError();
    },
    {
      connection: queue.opts.connection,
      prefix: queuePrefix,
      concurrency: batchSize,
      limiter: { max: batchSize, duration: (batchSize * 1000) / perSecond },
      lockDuration: 5000,
      stalledInterval: 2500,
      maxStalledCount: 1_000_000, // a stall is never the order's fault
    },
  );
  worker.on('error', (error) => warn(error, 'expiry worker'));
  worker.on('failed', (job, error) => {
    logger.error({ orderId: job?.id, err: error }, 'an order could not be expired: run seckill audit');
  });

  return { close: () => worker.close() };
}
