import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { maxAbove, slackSeconds, startDrainLab, until } from '#lab/kits/drain-lab.ts';
import { disconnectRedis } from '#runtime/redis.ts';
import { createOrderQueue } from './order-queue.ts';

const drain = await startDrainLab();
const {
  pool,
  queue,
  queueRedis,
  connectQueue,
  workers,
  startWorker,
  settings,
  jobOf,
  accept,
  storedAt,
  storedCount,
  allStored,
  allCommitted,
  reports,
  makeOrder,
} = drain;
beforeEach(drain.begin);
afterEach(drain.stopWorkers);
afterAll(drain.close);

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
  const ghost = { ...makeOrder(), saleId: 'ghost' };
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
