import { type ConnectionOptions, UnrecoverableError, Worker } from 'bullmq';
import { expect } from 'vitest';
import { drainKeys } from '#contract/drain.ts';
import { chunkJobOptions, jobNames } from '#contract/order-chunk.ts';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { test } from '#lab/fixtures/test.ts';
import { maxAbove, slackSeconds, type startDrainLab, until } from '#lab/kits/drain-lab.ts';
import { createLogger } from '#runtime/logger.ts';
import { disconnectRedis, type Redis } from '#runtime/redis/connect.ts';
import { createOrderStore } from '../orders/order-store.ts';
import { createSharedRate, type HandedOut } from '../rate/rate.ts';
import { startDrain } from './drain.ts';
import { createOrderQueue } from './order-queue.ts';
import { createPacer } from './pacer.ts';
import { ownJob } from './taken-job.ts';

type Lab = Awaited<ReturnType<typeof startDrainLab>>;
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });

/** The queue as a worker sees it that is about to die. */
const mortal = (drain: Lab, redis: Redis) =>
  createOrderQueue({
    ...{ redis, queue: drain.queue, token: 'dead', onError: () => {} },
    times: { lockMs: 500, stalledEveryMs: 100 },
  });

/** A drain with what it stands on replaced in part; it stores nothing, and nothing slows it down. */
function drive(
  drain: Lab,
  deps: Pick<Parameters<typeof startDrain>[0], 'commitBatch'> & {
    settings?: Parameters<typeof startDrain>[0]['settings'];
    onHandedOut?: (handed: HandedOut) => void;
  },
) {
  const redis = drain.connectQueue();
  const rate = createSharedRate(redis, drainKeys.bucket);
  const orderQueue = createOrderQueue({ ...{ redis, queue: drain.queue, token: 'driven', onError: () => {} } });
  const uncapped = { ratePerSecond: null, paused: false };
  const started = startDrain({
    ...{ orderQueue, logger, onDone: () => {}, store: { present: async () => new Map() } },
    settings: deps.settings ?? { last: () => uncapped, isFresh: () => true },
    pacer: createPacer({ now: () => performance.now(), onSlowdown: () => {}, onFullSpeed: () => {} }),
    commitBatch: deps.commitBatch,
    rate: {
      handOut: async (...asked) => {
        const handed = await rate.handOut(...asked);
        deps.onHandedOut?.(handed);
        return handed;
      },
    },
  });
  const close = async () => {
    await started.close();
    await orderQueue.close();
    disconnectRedis(redis);
  };
  return { rate, started, close };
}

test('a queue Redis that is wiped in the middle costs no order, and the rate holds on', async ({ drain }) => {
  const rate = 400;
  await drain.settings(rate);
  const orders = await drain.accept(500);
  drain.startWorker();
  await until('some orders', async () => (await drain.storedCount()) >= 100);
  await drain.queueRedis.flushall();
  await drain.queue.addBulk(drain.chunksOf(orders)); // as the sweeper does; those that are stored already find their row
  await drain.allStored(500);
  expect(maxAbove(await drain.storedAt(), rate)).toBeLessThanOrEqual(rate * slackSeconds());
  await drain.allCommitted(500);
});

test('a worker that has not heard from ZooKeeper goes by what the others told queue Redis, and takes nothing before', async ({
  drain,
}) => {
  const orders = await drain.accept(3);
  const heard: string[] = [];
  const stored: string[] = [];
  const { rate, started, close } = drive(drain, {
    settings: { last: () => null, isFresh: () => false },
    onHandedOut: ({ kind }) => heard.push(kind),
    commitBatch: async (batch) => {
      stored.push(...batch.map(({ orderId }) => orderId));
      return batch.map(() => ({ kind: 'stored', shown: {} as never }));
    },
  });
  const looks = async (kind: string) => {
    const from = heard.length;
    await until(kind, async () => heard.slice(from).includes(kind));
  };
  await looks('unknown');
  const ratePerSecond = 0.01; // so slow that no second order is due while we look
  await rate.handOut(0, { ratePerSecond, paused: true });
  await looks('paused');
  expect(await drain.queue.getWaitingCount()).toBe(1);
  await rate.handOut(0, { ratePerSecond, paused: false });
  await until('the first order', async () => stored.length > 0);
  started.nudge();
  await looks('allowed');
  expect(stored).toEqual([orders[0]?.orderId]);
  await close();
});

test('the orders of a worker that died are stored by another one, once each (I3, I5)', async ({ drain }) => {
  await drain.settings(null);
  const orders = await drain.accept(20, (all) => drain.chunksOf(all, 5));
  const redis = drain.connectQueue();
  const dead = mortal(drain, redis);
  const [first] = await dead.take(2);
  await dead.close();
  drain.startWorker();
  await drain.allStored(orders.length);
  await until('the queue to be empty', async () => (await drain.queue.getJobCountByTypes('active', 'waiting')) === 0);
  // Too late: it is another one's now, or gone.
  await expect(first?.moveToCompleted('', 'dead', false)).rejects.toThrow(/job/);
  await drain.allCommitted(orders.length);
  disconnectRedis(redis);
});

test('of a chunk whose worker died in the middle, orders that have rows are told their stock and cost nothing of the rate', async ({
  drain,
}) => {
  await drain.settings(1);
  const ghost = { ...drain.makeOrder(), saleId: 'ghost' };
  const orders = await drain.accept(42, (all) => drain.chunksOf([ghost, ...all]));
  const redis = drain.connectQueue();
  const dead = mortal(drain, redis);
  await dead.take(1);
  await dead.addOwn([ownJob(ghost)]);
  await createOrderStore(drain.pool).store(orders.slice(1, 41));
  await dead.close();
  drain.startWorker(); // 42 seconds, if each cost its share
  await drain.allCommitted(42);
  const times = (await drain.storedAt()).slice(40);
  expect(times).toHaveLength(2);
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(1 - slackSeconds());
  await until('the ghost alone to be left', async () => {
    const counts = await drain.queue.getJobCounts('active', 'waiting', 'failed');
    return Object.values(counts).join() === '0,0,1';
  });
  expect((await drain.queue.getFailed()).map(({ id }) => id)).toEqual([ghost.orderId]);
  disconnectRedis(redis);
});

test('orders that are on the queue twice, in other chunks, are stored once (I5)', async ({ drain }) => {
  await drain.settings(null, true);
  const orders = await drain.accept(30);
  await drain.queue.addBulk([...drain.chunksOf(orders.slice(5), 10), drain.jobOf(orders[7] ?? drain.makeOrder())]);
  drain.startWorker();
  await drain.settings(null);
  await drain.allCommitted(30);
  await until('the queue to be empty', async () => (await drain.queue.getJobCountByTypes('active', 'waiting')) === 0);
  expect(await drain.storedCount()).toBe(30);
  const metrics = await drain.workers[0]?.metrics();
  expect(metrics).toContain('seckill_orders_stored_total{outcome="stored"} 30');
  expect(metrics).toContain('seckill_orders_stored_total{outcome="already"} 26');
});

test('what cannot be stored of a chunk becomes a dead letter of its own with its reason, the rest is stored', async ({
  drain,
}) => {
  await drain.settings(null);
  const [unreadable, ghost, tooMany] = [drain.makeOrder(), drain.makeOrder(), drain.makeOrder()];
  const bad = [
    { ...unreadable, quantity: 'many' },
    { orderId: 'rubbish:1', rubbish: true },
    { ...ghost, saleId: 'ghost' },
    { ...tooMany, quantity: 20_001 },
  ];
  const alone = { ...drain.makeOrder(), saleId: 'ghost' };
  await drain.queue.addBulk([
    drain.jobOf(alone), // as versions before chunks did
    { name: 'order', data: { rubbish: true } as never, opts: { jobId: 'rubbish' } },
  ]);
  const chunkId = `${drain.saleId()}.10.${'0'.repeat(20)}`;
  await drain.accept(6, (orders) => [
    {
      ...{ name: jobNames.chunk, opts: { ...chunkJobOptions, jobId: chunkId } },
      data: { orders: [...orders.slice(0, 3), ...bad, ...orders.slice(3)] },
    },
  ]);
  drain.startWorker();
  await drain.allCommitted(6);
  await until('six dead letters', async () => (await drain.queue.getFailedCount()) === 6);
  const failed = await drain.queue.getFailed();
  expect(new Map(failed.map(({ id, failedReason }) => [id, failedReason]))).toEqual(
    new Map([
      [unreadable.orderId, 'not an order: Invalid input: expected number, received string'],
      [`${chunkId}.4`, 'not an order: is not an order id'],
      [ghost.orderId, 'the catalogue has no sale ghost'],
      [tooMany.orderId, expect.stringMatching(/^cannot be stored: .*sales_units_guard/)],
      [alone.orderId, 'the catalogue has no sale ghost'],
      ['rubbish', 'not an order: Invalid input: expected string, received undefined'],
    ]),
  );
  expect(failed.map(({ data }) => data)).toEqual(expect.arrayContaining(bad));
  expect(await drain.queue.getJobCountByTypes('active', 'waiting')).toBe(0);
});

test('a chunk that fails again and again as a whole goes on order by order, and holds up no other', async ({
  drain,
}) => {
  await drain.settings(null);
  const [bad, ...good] = await drain.accept(4);
  const others = await drain.accept(3);
  const stored: string[] = [];
  const { close } = drive(drain, {
    commitBatch: async (batch) => {
      if (batch.some(({ orderId }) => orderId === bad?.orderId)) throw new TypeError('no outage');
      stored.push(...batch.map(({ orderId }) => orderId));
      return batch.map(() => ({ kind: 'stored', shown: {} as never }));
    },
  });
  await until('the others', async () => stored.length === 6);
  expect(stored.sort()).toEqual([...good, ...others].map(({ orderId }) => orderId).sort());
  const left = await drain.queue.getJobs(['waiting', 'active', 'delayed']);
  expect(left.map(({ id }) => id)).toEqual([bad?.orderId]);
  await close();
});

test('a chunk that a worker of the version before gave up, because it cannot read it, is stored', async ({ drain }) => {
  await drain.settings(null);
  await drain.accept(5);
  const old = new Worker(queueNames.orders, () => Promise.reject(new UnrecoverableError('not an order')), {
    connection: drain.queueRedis as ConnectionOptions,
    prefix: queuePrefix,
  });
  old.on('error', () => {}); // closing it cuts its blocking call off
  await until('it to be given up', async () => (await drain.queue.getFailedCount()) === 1);
  await old.close();
  drain.startWorker();
  await drain.allCommitted(5);
  await until('the job to go', async () => (await drain.queue.getFailedCount()) === 0);
});

test('slows down while PostgreSQL is slow, says why, and is at the set rate again when it is not', async ({
  drain,
}) => {
  const rate = 400;
  await drain.settings(rate);
  drain.startWorker();
  await drain.accept(1200);
  await until('the usual pace', async () => (await drain.storedCount()) >= 400);
  const blocker = await drain.pool.connect();
  await blocker.query('BEGIN; LOCK TABLE orders IN EXCLUSIVE MODE');
  const slowed = await until('the drain to slow down', async () => {
    const [report] = await drain.reports();
    return report?.slowdown == null ? null : report;
  });
  expect(slowed.slowdown?.says).toMatch(/PostgreSQL/);
  expect(slowed.limitPerSecond).toBeLessThan(rate);
  expect(await drain.workers[0]?.metrics()).toMatch(/seckill_drain_slowed\{reason="(slow|errors)"\} 1/);
  await blocker.query('ROLLBACK');
  blocker.release();
  await drain.allStored(1200);
  await until('full speed', async () => {
    const [report] = await drain.reports();
    return report !== undefined && report.slowdown === null && report.limitPerSecond === null;
  });
  expect(maxAbove(await drain.storedAt(), rate)).toBeLessThanOrEqual(rate * slackSeconds());
});
