import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { drainKeys } from '#contract/drain.ts';
import type { Own } from '#runtime/belongings.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import type { Registry } from '#runtime/metrics.ts';
import type { Tracing } from '#runtime/tracing.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import type { Stock } from '#stock/stock.ts';
import type { OrderStore } from '../orders/order-store.ts';
import { createSharedRate } from '../rate/rate.ts';
import { createCommitBatch } from './commit-batch.ts';
import { startDrain } from './drain.ts';
import { createDrainMetrics } from './metrics.ts';
import { createOrderQueue, type QueueTimes } from './order-queue.ts';
import { createPacer, pacerTickMs } from './pacer.ts';
import { startReport } from './report.ts';
import { startRetryingChunks } from './retry-chunks.ts';
import { watchDrainSettings } from './settings.ts';

/** The drain of one worker with all that belongs to it. */
export function startDraining(deps: {
  own: Own;
  instance: string;
  queueRedis: Redis;
  queue: Queue;
  zookeeper: ZooKeeper;
  store: Pick<OrderStore, 'store' | 'present'>;
  stock: Pick<Stock, 'commitShown'>;
  logger: Logger;
  registers: Registry[];
  tracing?: Pick<Tracing, 'record'> | null;
  /** What follows when orders are in the database; it must not hold up the drain. */
  onStoredOrders?: NonNullable<Parameters<typeof createCommitBatch>[0]['onStoredOrders']>;
  /** Whether this worker has a key to seal contact and address with: it is reported beside the drain. */
  canSealDetails?: boolean;
  /** Between two looks at how long batches take. */
  tickMs?: number;
  queueTimes?: QueueTimes;
}): void {
  const {
    own,
    instance,
    queueRedis,
    queue,
    zookeeper,
    store,
    stock,
    logger,
    registers,
    onStoredOrders = () => {},
  } = deps;
  const { tracing = null, canSealDetails = false, tickMs = pacerTickMs, queueTimes } = deps;
  const warn = createThrottledWarn(logger);
  const metrics = createDrainMetrics(registers);
  const closing = new AbortController();

  const pacer = createPacer({
    now: () => performance.now(),
    onSlowdown: ({ kind, says }, limitPerSecond) =>
      logger.warn({ reason: kind, limitPerSecond: Math.round(limitPerSecond) }, `the drain slows down: ${says}`),
    onFullSpeed: () => logger.info('the drain is at full speed again'),
  });
  const timedStore: Pick<OrderStore, 'store'> = {
    store: async (orders) => {
      const end = pacer.begin();
      const endSample = metrics.batchSeconds.startTimer();
      try {
        return await store.store(orders);
      } finally {
        end();
        endSample();
      }
    },
  };
  const settings = watchDrainSettings({ zookeeper, logger, onChange: () => drain.nudge() });
  // An earlier version limited the rate by BullMQ's own means, which stay in queue Redis.
  queue.removeGlobalRateLimit().catch((error: unknown) => warn(error, 'drain'));
  const orderQueue = createOrderQueue({
    redis: queueRedis,
    queue,
    token: `${instance}:${randomUUID()}`,
    onError: (error) => warn(error, 'drain'),
    ...(queueTimes === undefined ? {} : { times: queueTimes }),
  });
  const drain = startDrain({
    ...{ orderQueue, settings, pacer, store },
    rate: createSharedRate(queueRedis, drainKeys.bucket),
    commitBatch: createCommitBatch({
      store: timedStore,
      stock,
      logger,
      wait: async (ms) => void (await wait(ms, null, { signal: closing.signal })),
      onOutage: (what, error) =>
        pacer.fault(`${what} fails: ${error instanceof Error ? error.message : String(error)}`),
      onGuard: () => metrics.guarded.inc(),
      onStoredOrders,
    }),
    logger,
    tracing,
    onDone: (outcome, count) => metrics.finished.inc({ outcome }, count),
  });
  const ticks = setInterval(() => pacer.tick(settings.last()?.ratePerSecond ?? null), tickMs);

  const report = startReport({
    redis: queueRedis,
    queue,
    logger,
    now: Date.now,
    report: () => {
      const { limitPerSecond, slowdown, storedPerSecond } = pacer.state();
      const set = settings.last()?.ratePerSecond ?? 0;
      metrics.set.set(set);
      metrics.limit.set(limitPerSecond ?? set);
      metrics.rate.set(storedPerSecond);
      metrics.paused.set(settings.last()?.paused === true ? 1 : 0);
      for (const reason of ['slow', 'errors']) metrics.slowed.set({ reason }, slowdown?.kind === reason ? 1 : 0);
      const inFlight = drain.inFlight();
      return { worker: instance, storedPerSecond, limitPerSecond, slowdown, inFlight, canSealDetails };
    },
    onBacklog: ({ oldestAcceptedAt, ...counts }) => {
      for (const [state, count] of Object.entries(counts)) metrics.backlog.set({ state }, count);
      metrics.oldestSeconds.set(oldestAcceptedAt === null ? 0 : Math.max(0, (Date.now() - oldestAcceptedAt) / 1000));
    },
  });

  // Closed the other way round: the drain ends before what it is told by, and the pacer's clock ticks to the last.
  own('pacer', ticks, clearInterval);
  own('drain settings', settings);
  own('drain report', report);
  own('failed chunks', startRetryingChunks({ queue, logger }));
  own('drain', drain, async () => {
    closing.abort(); // what waits for a server that is away waits no longer
    await drain.close();
    await orderQueue.close();
  });
}
