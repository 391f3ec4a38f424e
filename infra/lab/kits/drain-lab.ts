import { Queue } from 'bullmq';
import { type DrainReport, drainKeys, readDrainReports } from '#contract/drain.ts';
import type { AcceptedOrder } from '#contract/order.ts';
import { chunkJobs } from '#contract/order-chunk.ts';
import { orderJobOptions, queueNames, queuePrefix } from '#contract/queues.ts';
import { poll } from '#lab/poll.ts';
import { changeDrainSettings } from '#order-worker/drain/settings.ts';
import { startDraining } from '#order-worker/drain/start-draining.ts';
import { createOrderStore } from '#order-worker/orders/order-store.ts';
import { createBelongings } from '#runtime/belongings.ts';
import { createRegistry } from '#runtime/metrics.ts';
import { connectPostgres } from '#runtime/postgres/connect.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { connectZooKeeper } from '#runtime/zookeeper/client.ts';
import { createStock } from '#stock/create-stock.ts';
import { startOrdersDatabase } from './orders.ts';

export const until = <T>(what: string, check: () => Promise<T | null | false>) => poll(what, check, 60_000);

/**
 * What may come on top of the rate in any interval: 0.2 s are made up for, and what each worker has on its way to the
 * database may come late, all at once: 0.1 s and the usual time there, 0.25 s at most (`room` in drain.ts, pacer.ts).
 */
export const slackSeconds = (workerCount = 1) => 0.2 + workerCount * 0.35;

/** The most orders above `rate` in any interval that begins and ends with an order. */
export function maxAbove(times: readonly number[], rate: number): number {
  let most = 0;
  let lowest = Number.POSITIVE_INFINITY;
  for (const [index, at] of times.entries()) {
    lowest = Math.min(lowest, index - at * rate);
    most = Math.max(most, index - at * rate - lowest);
  }
  return most;
}

type Worker = { stop: () => Promise<void>; metrics: () => Promise<string> };

/** Orders, the queue and workers in this process, for the tests of one file: its fixture is `drain`. */
export async function startDrainLab() {
  const database = await startOrdersDatabase(['postgres', 'stock-redis', 'queue-redis', 'zookeeper']);
  const { pool, logger } = database;
  const env = database.environment;
  const stockRedis = connectRedis('patient', env.SECKILL_STOCK_REDIS_URL ?? '', logger);
  const connectQueue = () => connectRedis('queue', env.SECKILL_QUEUE_REDIS_URL ?? '', logger);
  const queueRedis = connectQueue();
  const zookeeper = connectZooKeeper({ connection: env.SECKILL_ZOOKEEPER ?? '', logger });
  const stock = createStock(stockRedis);
  const queue = new Queue(queueNames.orders, { connection: queueRedis, prefix: queuePrefix });
  const workers: Worker[] = [];
  let saleId = '';
  let names = 0;

  /** A worker as `main.ts` makes one, in this process; returns its name. */
  function startWorker(): string {
    const redis = connectQueue();
    const instance = `worker-${names++}`;
    const own = connectPostgres(env.SECKILL_DATABASE_URL ?? '', logger, { max: 4, statementTimeoutMs: 1500 });
    const registry = createRegistry();
    const belongings = createBelongings(logger);
    startDraining({
      own: belongings.own,
      instance,
      queueRedis: redis,
      queue: new Queue(queueNames.orders, { connection: redis, prefix: queuePrefix }),
      zookeeper,
      store: createOrderStore(own),
      stock,
      logger,
      registers: [registry],
      tickMs: 100,
      queueTimes: { lockMs: 5000, stalledEveryMs: 100 },
    });
    workers.push({
      stop: async () => {
        await belongings.close();
        disconnectRedis(redis);
        await own.end();
      },
      metrics: () => registry.metrics(),
    });
    return instance;
  }

  /** ZooKeeper has two seconds for an answer: a machine that stands still is asked again. */
  const settings = (ratePerSecond: number | null, paused = false) =>
    until('the settings to be set', () => changeDrainSettings(zookeeper, { ratePerSecond, paused }).catch(() => null));
  const jobOf = (order: AcceptedOrder) => ({
    name: 'order',
    data: order,
    opts: { ...orderJobOptions, jobId: order.orderId },
  });
  const chunksOf = (orders: readonly AcceptedOrder[], maxOrders?: number) => chunkJobs(saleId, orders, maxOrders);
  /** On the queue in chunks, as the relay adds them, or in jobs that are given. */
  async function accept(
    count: number,
    jobsOf: (orders: AcceptedOrder[]) => Parameters<Queue['addBulk']>[0] = chunksOf,
  ): Promise<AcceptedOrder[]> {
    const orders = Array.from({ length: count }, () => database.makeOrder(saleId));
    for (let from = 0; from < count; from += 200) {
      const some = orders.slice(from, from + 200);
      await Promise.all(some.map(({ orderId, userId }) => stock.reserve(saleId, { orderId, userId, quantity: 1 })));
    }
    await queue.addBulk(jobsOf(orders));
    return orders;
  }
  /** When each stored order's transaction began, in seconds since the first, by PostgreSQL's clock. */
  async function storedAt(): Promise<number[]> {
    const { rows } = await pool.query<{ at: number }>(
      `SELECT extract(epoch FROM created_at)::float8 AS at FROM orders WHERE sale_id = $1 ORDER BY created_at`,
      [saleId],
    );
    return rows.map(({ at }) => at);
  }
  const storedCount = async () => (await storedAt()).length;
  const allStored = (count: number) =>
    poll(`${count} orders to be stored`, async () => (await storedCount()) === count, 90_000);
  /** Reservations are told after the rows are there. */
  const allCommitted = (count: number) =>
    until(`${count} reservations to be committed`, async () => (await stock.sale(saleId))?.committed === count);
  const reports = async (): Promise<DrainReport[]> =>
    readDrainReports(await queueRedis.hgetall(drainKeys.reports), Date.now());
  const clock = async () =>
    Number((await pool.query(`SELECT extract(epoch FROM clock_timestamp())::float8 AS at`)).rows[0]?.at);

  return {
    /** For commands that ask ZooKeeper nothing: a setting names no tree. */
    environment: { ...env, SECKILL_ZOOKEEPER: (env.SECKILL_ZOOKEEPER ?? '').replace(/\/.*/, '') },
    backUp: database.backUp,
    saleId: () => saleId,
    stock,
    stockRedis,
    pool,
    queue,
    queueRedis,
    connectQueue,
    workers,
    startWorker,
    stopWorkers: async () => void (await Promise.all(workers.splice(0).map((worker) => worker.stop()))),
    settings,
    makeOrder: () => database.makeOrder(saleId),
    jobOf,
    chunksOf,
    accept,
    storedAt,
    storedCount,
    allStored,
    allCommitted,
    reports,
    clock,
    /** An empty queue, and an open sale of 20,000 units. */
    async begin() {
      await queueRedis.flushall();
      const units = 20_000;
      saleId = await database.makeSale({ units });
      const window = { opensAtMs: 0, closesAtMs: Date.now() + 3_600_000 };
      await stock.preload(saleId, { total: units, ...window, limitPerUser: units, lowestEpoch: 0 });
      await stock.setState(saleId, 'open');
    },
    async close() {
      await queue.close();
      disconnectRedis(stockRedis, queueRedis);
      zookeeper.close();
      await database.close();
    },
  };
}
