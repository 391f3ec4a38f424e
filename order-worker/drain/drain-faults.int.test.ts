import { expect } from 'vitest';
import { drainKeys } from '#contract/drain.ts';
import { test } from '#lab/fixtures/test.ts';
import { maxAbove, slackSeconds, until } from '#lab/kits/drain-lab.ts';
import { createLogger } from '#runtime/logger.ts';
import { disconnectRedis } from '#runtime/redis/connect.ts';
import { createSharedRate } from '../rate/rate.ts';
import { startDrain } from './drain.ts';
import { createOrderQueue } from './order-queue.ts';
import { createPacer } from './pacer.ts';

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
  const redis = drain.connectQueue();
  const [logger, onError] = [createLogger({ service: 'test', instance: 'test', level: 'silent' }), () => {}];
  const rate = createSharedRate(redis, drainKeys.bucket);
  const orderQueue = createOrderQueue({ ...{ redis, queue: drain.queue, token: 'blind', onError } });
  const heard: string[] = [];
  const stored: string[] = [];
  const blind = startDrain({
    ...{ orderQueue, logger, onDone: () => {} },
    rate: {
      handOut: async (...asked) => {
        const handed = await rate.handOut(...asked);
        heard.push(handed.kind);
        return handed;
      },
    },
    settings: { last: () => null, isFresh: () => false },
    pacer: createPacer({ now: () => performance.now(), onSlowdown: () => {}, onFullSpeed: () => {} }),
    store: { present: async () => new Map() },
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
  blind.nudge();
  await looks('allowed');
  expect(stored).toEqual([orders[0]?.orderId]);
  await blind.close();
  await orderQueue.close();
  disconnectRedis(redis);
});

test('the orders of a worker that died are stored by another one, once each (I3, I5)', async ({ drain }) => {
  await drain.settings(null);
  const orders = await drain.accept(20, (all) => drain.chunksOf(all, 5));
  const redis = drain.connectQueue();
  const dead = createOrderQueue({
    ...{ redis, queue: drain.queue, token: 'dead', onError: () => {} },
    times: { lockMs: 500, stalledEveryMs: 100 },
  });
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

test('an order that cannot be stored becomes a dead letter with its reason, its batch is stored', async ({ drain }) => {
  await drain.settings(null);
  const ghost = { ...drain.makeOrder(), saleId: 'ghost' };
  await drain.queue.addBulk([
    drain.jobOf(ghost),
    { name: 'order', data: { rubbish: true } as never, opts: { jobId: 'rubbish' } },
  ]);
  await drain.accept(5);
  drain.startWorker();
  await drain.allStored(5);
  await until('two dead letters', async () => (await drain.queue.getFailedCount()) === 2);
  const failed = await drain.queue.getFailed();
  expect(failed.map(({ failedReason }) => failedReason).sort()).toEqual([
    'not an order: Invalid input: expected string, received undefined',
    'the catalogue has no sale ghost',
  ]);
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
