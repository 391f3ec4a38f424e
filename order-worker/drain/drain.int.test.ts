import { Queue } from 'bullmq';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { type DrainReport, drainKeys, readDrainReports } from '#contract/drain.ts';
import type { AcceptedOrder } from '#contract/order.ts';
import { orderJobOptions, queueNames, queuePrefix } from '#contract/queues.ts';
import { startOrdersDatabase } from '#lab/kits/orders.ts';
import { poll } from '#lab/poll.ts';
import { createBelongings } from '#runtime/belongings.ts';
import { createRegistry } from '#runtime/metrics.ts';
import { connectPostgres } from '#runtime/postgres.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis.ts';
import { connectZooKeeper } from '#runtime/zookeeper.ts';
import { createStock } from '#stock/create-stock.ts';
import { createOrderStore } from '../orders/order-store.ts';
import { createOrderQueue } from './order-queue.ts';
import { changeDrainSettings } from './settings.ts';
import { startDraining } from './start-draining.ts';

const database = await startOrdersDatabase(['postgres', 'stock-redis', 'queue-redis', 'zookeeper']);
const { pool, logger } = database;
const env = database.environment;
const stockRedis = connectRedis('patient', env.SECKILL_STOCK_REDIS_URL ?? '', logger);
const connectQueue = () => connectRedis('queue', env.SECKILL_QUEUE_REDIS_URL ?? '', logger);
const queueRedis = connectQueue();
const zookeeper = connectZooKeeper({ connection: env.SECKILL_ZOOKEEPER ?? '', logger });
const stock = createStock(stockRedis);
const queue = new Queue(queueNames.orders, { connection: queueRedis, prefix: queuePrefix });
const until = <T>(what: string, check: () => Promise<T | null | false>) => poll(what, check, 60_000);
/**
 * What may come on top of the rate in any interval: 0.2 s are made up for, and what each worker has on its way to the
 * database may come late, all at once: 0.1 s and the usual time there, 0.25 s at most (`room` in drain.ts, pacer.ts).
 */
const slackSeconds = (workerCount = 1) => 0.2 + workerCount * 0.35;
const workers: { stop: () => Promise<void>; metrics: () => Promise<string> }[] = [];
let saleId = '';
let names = 0;

const stopWorkers = async () => void (await Promise.all(workers.splice(0).map((worker) => worker.stop())));
afterEach(stopWorkers);
afterAll(async () => {
  await queue.close();
  disconnectRedis(stockRedis, queueRedis);
  zookeeper.close();
  await database.close();
});
beforeEach(async () => {
  await queueRedis.flushall();
  const units = 20_000;
  saleId = await database.makeSale({ units });
  const window = { opensAtMs: 0, closesAtMs: Date.now() + 3_600_000 };
  await stock.preload(saleId, { total: units, ...window, limitPerUser: units, lowestEpoch: 0 });
  await stock.setState(saleId, 'open');
});

/** A worker as `main.ts` makes one, in this process. */
function startWorker() {
  const redis = connectQueue();
  const own = connectPostgres(env.SECKILL_DATABASE_URL ?? '', logger, { max: 4, statementTimeoutMs: 1500 });
  const registry = createRegistry();
  const belongings = createBelongings(logger);
  startDraining({
    own: belongings.own,
    instance: `worker-${names++}`,
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
}

/** ZooKeeper has two seconds for an answer: a machine that stands still is asked again. */
const settings = (ratePerSecond: number | null, paused = false) =>
  until('the settings to be set', () => changeDrainSettings(zookeeper, { ratePerSecond, paused }).catch(() => null));
const jobOf = (order: AcceptedOrder) => ({
  name: 'order',
  data: order,
  opts: { ...orderJobOptions, jobId: order.orderId },
});
async function accept(count: number): Promise<AcceptedOrder[]> {
  const orders = Array.from({ length: count }, () => database.makeOrder(saleId));
  for (let from = 0; from < count; from += 200) {
    const some = orders.slice(from, from + 200);
    await Promise.all(some.map(({ orderId, userId }) => stock.reserve(saleId, { orderId, userId, quantity: 1 })));
  }
  await queue.addBulk(orders.map(jobOf));
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
/** The most orders above `rate` in any interval that begins and ends with an order. */
function maxAbove(times: readonly number[], rate: number): number {
  let most = 0;
  let lowest = Number.POSITIVE_INFINITY;
  for (const [index, at] of times.entries()) {
    lowest = Math.min(lowest, index - at * rate);
    most = Math.max(most, index - at * rate - lowest);
  }
  return most;
}
/** The most orders in any second. */
function maxInASecond(times: readonly number[]): number {
  let most = 0;
  let first = 0;
  for (const [index, at] of times.entries()) {
    while (at - (times[first] ?? at) >= 1) first += 1;
    most = Math.max(most, index - first + 1);
  }
  return most;
}
const clock = async () =>
  Number((await pool.query(`SELECT extract(epoch FROM clock_timestamp())::float8 AS at`)).rows[0]?.at);

test.each([1, 2])('the set rate is held with %i workers, and never exceeded by more than its slice', async (count) => {
  const rate = 400;
  await settings(rate);
  let accepted = rate * 2 * count; // the slack grows with the workers, and so must what is measured
  await accept(accepted);
  for (let i = 0; i < count; i += 1) startWorker();
  // A machine that is busy elsewhere takes longer, but not all the time.
  await until('a second at the set rate', async () => {
    const stored = await storedAt();
    if (stored.length >= rate * 2 * count && maxInASecond(stored) > rate * 0.8) return true;
    if (accepted - stored.length < rate) accepted += (await accept(rate)).length;
    return null;
  });
  await allStored(accepted);
  const times = await storedAt();
  expect(maxAbove(times, rate)).toBeLessThanOrEqual(rate * slackSeconds(count));
  const took = (times.at(-1) ?? 0) - (times[0] ?? 0);
  expect(took).toBeGreaterThan(accepted / rate - slackSeconds(count));
});

test('the queue gives out orders at the set rate to all workers together, by Redis’ own clock to 0.2 s', async () => {
  const ratePerSecond = 400;
  await accept(ratePerSecond);
  const redis = connectQueue();
  const queues = ['one', 'two'].map((token) => createOrderQueue({ redis, queue, token, onError: () => {} }));
  const seconds = async () => {
    const [whole = 0, micros = 0] = (await redis.time()).map(Number);
    return whole + micros / 1e6;
  };
  let given = 0;
  const beganAt = await seconds();
  await until('a second’s worth', async () => {
    for (const each of queues) {
      const fetched = await each.fetch(50, { ratePerSecond, paused: false });
      if (fetched.kind === 'jobs') given += fetched.jobs.length;
      expect(given).toBeLessThanOrEqual(ratePerSecond * ((await seconds()) - beganAt + 0.2) + 1);
    }
    return given === ratePerSecond;
  });
  for (const each of queues) await each.close();
  disconnectRedis(redis);
});

test('a rate that is changed while the worker runs is followed at once, down and up', async () => {
  await settings(20);
  await accept(1500);
  startWorker();
  await until('some orders', async () => (await storedCount()) >= 5);
  await settings(1000);
  const changedAt = await clock();
  await until('a thousand orders', async () => (await storedCount()) >= 1000);
  expect((await clock()) - changedAt).toBeLessThan(20); // at the old rate it takes 49
  await settings(20);
  await until('the worker to hear it', async () => {
    const before = await storedCount();
    const from = await clock();
    await until('half a second', async () => (await clock()) - from > 0.5);
    return (await storedCount()) - before <= 20 * (0.5 + slackSeconds()) + 10;
  });
});

test('a paused drain stores nothing, stays paused through a restart and a wiped queue Redis, and goes on without a burst', async () => {
  const rate = 200;
  await settings(rate, true);
  startWorker();
  const orders = await accept(240);
  await until('a report', async () => (await reports()).length === 1);
  await queueRedis.flushall();
  await queue.addBulk(orders.map(jobOf));
  await stopWorkers();
  startWorker();
  await until('the new worker’s report', async () =>
    (await reports()).some(({ worker }) => worker.endsWith(`${names - 1}`)),
  );
  expect(await storedCount()).toBe(0);
  await until('the metric', async () => /^seckill_drain_paused 1$/m.test((await workers[0]?.metrics()) ?? ''));
  const resumedAt = await clock();
  await settings(rate);
  await allStored(240);
  const times = await storedAt();
  expect(times[0]).toBeGreaterThanOrEqual(resumedAt);
  expect(maxAbove(times, rate)).toBeLessThanOrEqual(rate * slackSeconds());
});

test('after idle time orders are not made up for: the first burst is stored at the rate', async () => {
  const rate = 200;
  await settings(rate);
  startWorker();
  await accept(1);
  await allStored(1);
  const idleUntil = (await clock()) + 1;
  await until('idle time', async () => (await clock()) > idleUntil);
  await accept(150);
  await allStored(151);
  expect(maxAbove((await storedAt()).slice(1), rate)).toBeLessThanOrEqual(rate * slackSeconds());
});

test('a queue Redis that is wiped in the middle costs no order, and the rate holds on', async () => {
  const rate = 400;
  await settings(rate);
  const orders = await accept(500);
  startWorker();
  await until('some orders', async () => (await storedCount()) >= 100);
  await queueRedis.flushall();
  await queue.addBulk(orders.map(jobOf)); // as the sweeper does; those that are stored already find their row
  await allStored(500);
  expect(maxAbove(await storedAt(), rate)).toBeLessThanOrEqual(rate * slackSeconds());
  await allCommitted(500);
});

test('a worker that has not heard from ZooKeeper goes by what the others told queue Redis, and takes nothing before', async () => {
  const [first] = await accept(3);
  const redis = connectQueue();
  const blind = createOrderQueue({ redis, queue, token: 'blind', onError: () => {} });
  expect(await blind.fetch(10, null)).toEqual({ kind: 'unknown' });
  const ratePerSecond = 0.01; // so slow that no second order is due while we look
  expect(await blind.fetch(10, { ratePerSecond, paused: true })).toEqual({ kind: 'paused' });
  expect(await blind.fetch(10, null)).toEqual({ kind: 'paused' });
  expect(await blind.fetch(10, { ratePerSecond, paused: false })).toMatchObject({
    kind: 'jobs',
    jobs: [{ jobId: first?.orderId }],
    isDry: false,
  });
  const next = await blind.fetch(10, null);
  expect(next).toMatchObject({ kind: 'jobs', jobs: [], isDry: false });
  expect(next.kind === 'jobs' && next.waitMs > 50_000 && next.waitMs <= 100_000).toBe(true);
  await blind.close();
  disconnectRedis(redis);
});

test('the orders of a worker that died are stored by another one, once each (I3, I5)', async () => {
  await settings(null);
  const orders = await accept(20);
  const redis = connectQueue();
  const dead = createOrderQueue({
    ...{ redis, queue, token: 'dead', onError: () => {} },
    times: { lockMs: 500, stalledEveryMs: 100 },
  });
  const taken = await dead.fetch(8, { ratePerSecond: null, paused: false });
  expect(taken).toMatchObject({ kind: 'jobs', isDry: false });
  await dead.close();
  startWorker();
  await allStored(orders.length);
  await until('the queue to be empty', async () => (await queue.getJobCountByTypes('active', 'waiting')) === 0);
  // Too late: they are another one's now, or gone.
  const late = taken.kind === 'jobs' ? taken.jobs.map(({ jobId }) => jobId) : [];
  expect(await dead.finish(late)).toBe(late.length);
  await allCommitted(orders.length);
  disconnectRedis(redis);
});

test('an order that cannot be stored becomes a dead letter with its reason, its batch is stored', async () => {
  await settings(null);
  const ghost = { ...database.makeOrder(saleId), saleId: 'ghost' };
  await queue.addBulk([jobOf(ghost), { name: 'order', data: { rubbish: true } as never, opts: { jobId: 'rubbish' } }]);
  await accept(5);
  startWorker();
  await allStored(5);
  await until('two dead letters', async () => (await queue.getFailedCount()) === 2);
  const failed = await queue.getFailed();
  expect(failed.map(({ failedReason }) => failedReason).sort()).toEqual([
    'not an order: Invalid input: expected string, received undefined',
    'the catalogue has no sale ghost',
  ]);
});

test('slows down while PostgreSQL is slow, says why, and is at the set rate again when it is not', async () => {
  const rate = 400;
  await settings(rate);
  startWorker();
  await accept(1200);
  await until('the usual pace', async () => (await storedCount()) >= 400);
  const blocker = await pool.connect();
  await blocker.query('BEGIN; LOCK TABLE orders IN EXCLUSIVE MODE');
  const slowed = await until('the drain to slow down', async () => {
    const [report] = await reports();
    return report?.slowdown == null ? null : report;
  });
  expect(slowed.slowdown?.says).toMatch(/PostgreSQL/);
  expect(slowed.limitPerSecond).toBeLessThan(rate);
  expect(await workers[0]?.metrics()).toMatch(/seckill_drain_slowed\{reason="(slow|errors)"\} 1/);
  await blocker.query('ROLLBACK');
  blocker.release();
  await allStored(1200);
  await until('full speed', async () => {
    const [report] = await reports();
    return report !== undefined && report.slowdown === null && report.limitPerSecond === null;
  });
  expect(maxAbove(await storedAt(), rate)).toBeLessThanOrEqual(rate * slackSeconds());
});

test('uncapped, a backlog is drained to its last order, and backlog and age are told', async () => {
  await settings(null, true);
  startWorker();
  await accept(2000);
  const metric = async (pattern: RegExp) => Number(pattern.exec((await workers[0]?.metrics()) ?? '')?.[1]);
  await until('the backlog to be told', async () => (await metric(/backlog_orders\{state="waiting"\} (\d+)/)) === 2000);
  await until('an age', async () => (await metric(/seckill_drain_oldest_seconds ([\d.]+)/)) > 0.5);
  await settings(null);
  await allStored(2000);
  await until('the backlog to be gone', async () => (await metric(/backlog_orders\{state="waiting"\} (\d+)/)) === 0);
  await until('no age', async () => (await metric(/seckill_drain_oldest_seconds ([\d.]+)/)) === 0);
  await allCommitted(2000);
});
