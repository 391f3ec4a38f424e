import { Queue } from 'bullmq';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { queuePrefix } from '#contract/queues.ts';
import { startOrdersDatabase } from '#lab/kits/orders.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { moveOrders } from '../orders/move-orders.ts';
import { createOrderStore } from '../orders/order-store.ts';
import { createExpiry, type Expiry } from './expire-orders.ts';
import { afterDueMs, createExpirySchedule } from './schedule.ts';
import { startExpirySweep } from './sweep.ts';
import { startExpiryWorker } from './worker.ts';

vi.setConfig({ testTimeout: 120_000, expect: { poll: { timeout: 45_000 } } });

const database = await startOrdersDatabase(['postgres', 'queue-redis']);
const { pool, logger } = database;
const redis = connectRedis('queue', database.environment.SECKILL_QUEUE_REDIS_URL ?? '', logger);
const store = createOrderStore(pool);
const expiredAt = new Map<string, number>();
const expiry = createExpiry({
  pool,
  onExpired: (orders) => {
    for (const { orderId } of orders) expiredAt.set(orderId, Date.now());
  },
});
let saleId = '';
let queue: Queue;
/** What a test started, newest last. */
const open: { close: () => Promise<unknown> }[] = [];
const closing = <T extends { close: () => Promise<unknown> }>(part: T): T => {
  open.push(part);
  return part;
};

afterAll(async () => {
  disconnectRedis(redis);
  await database.close();
});
beforeEach(async () => {
  await pool.query("UPDATE orders SET pay_by = 'infinity' WHERE state = 'awaiting_payment'"); // what tests left
  expiredAt.clear();
  saleId = await database.makeSale({ units: 1000 });
  queue = new Queue(`expiry-${saleId}`, { connection: redis, prefix: queuePrefix });
});
afterEach(async () => {
  for (const part of open.splice(0).reverse()) await part.close();
  await queue.obliterate({ force: true });
  await queue.close();
});

/** Unpaid orders with so much time left to pay, as the drain hands them on. */
async function stored(count: number, secondsLeft: number) {
  const orders = Array.from({ length: count }, () => database.makeOrder(saleId));
  await store.store(orders);
  const ids = orders.map((order) => order.orderId);
  const sql = 'UPDATE orders SET pay_by = now() + make_interval(secs => $2) WHERE id = ANY($1)';
  await pool.query(sql, [ids, secondsLeft]);
  return [...(await store.present(ids))].map(([orderId, shown]) => ({ orderId, ...shown }));
}
const startWorker = (options: { expiry?: Pick<Expiry, 'expire'>; perSecond?: number } = {}) =>
  closing(startExpiryWorker({ queue, expiry, logger, now: Date.now, outageRestMs: 20, ...options }));
const startSchedule = (now: () => number = Date.now) => closing(createExpirySchedule({ queue, logger, now }));
const jobs = async () => {
  const { waiting, delayed, active, prioritized, failed } = await queue.getJobCounts();
  return { waiting, delayed, active, prioritized, failed };
};
const jobCount = async () => queue.getJobCountByTypes('waiting', 'delayed', 'active');
const none = { waiting: 0, delayed: 0, active: 0, prioritized: 0, failed: 0 };

test('each order expires when its own time is over, not before, and its job is gone', async () => {
  const orders = await stored(50, 0.5);
  const nowMs = Date.now();
  startSchedule(() => nowMs).add(orders);
  await expect.poll(jobCount).toBe(50);
  // How late BullMQ is beyond that, `npm run bench` tells.
  for (const { orderId, payByMs } of orders) {
    expect((await queue.getJob(orderId))?.opts.delay).toBe(Math.max(0, payByMs + afterDueMs - nowMs));
  }
  startWorker();
  await expect.poll(() => expiredAt.size).toBe(50);
  for (const { orderId, payByMs } of orders) expect(expiredAt.get(orderId)).toBeGreaterThanOrEqual(payByMs);
  await expect.poll(jobs).toEqual(none);
});

test('a job that comes too early, by a clock that runs ahead, is delayed again and not lost', async () => {
  const [order] = await stored(1, 600);
  if (order === undefined) throw new Error('no order was stored');
  startSchedule(() => Date.now() + 3_600_000).add([order]);
  let looks = 0;
  startWorker({
    expiry: {
      expire: (orderIds) => {
        looks += 1;
        return expiry.expire(orderIds);
      },
    },
  });
  await expect.poll(jobs).toEqual({ ...none, delayed: 1 });
  expect(looks).toBe(1);
  // BullMQ counts the jobs of a millisecond in the last twelve bits.
  const dueMs = Number(await redis.zscore(queue.toKey('delayed'), order.orderId)) / 0x1000;
  expect(dueMs).toBeGreaterThanOrEqual(order.payByMs);
  await pool.query('UPDATE orders SET pay_by = now() WHERE id = $1', [order.orderId]);
  await (await queue.getJob(order.orderId))?.promote();
  await expect.poll(() => expiredAt.size).toBe(1);
  expect(looks).toBe(2);
});

test('the jobs of orders that were paid meanwhile just end (I6)', async () => {
  const orders = await stored(5, 0);
  const orderIds = orders.map(({ orderId }) => orderId);
  await moveOrders(pool, { orderIds, from: 'awaiting_payment', to: 'paid' });
  startSchedule().add(orders);
  await expect.poll(jobCount).toBe(5);
  startWorker();
  await expect.poll(jobs).toEqual(none);
  expect([...(await store.present(orderIds)).values()].map(({ state }) => state)).toEqual(Array(5).fill('paid'));
});

test('a crowd of due orders is taken no faster than the rate, in batches', async () => {
  const sizes: number[] = [];
  startSchedule().add(await stored(50, 0));
  await expect.poll(jobCount).toBe(50);
  const startedAt = performance.now();
  const counting: Pick<Expiry, 'expire'> = {
    expire: (ids) => {
      sizes.push(ids.length);
      return expiry.expire(ids);
    },
  };
  startWorker({ perSecond: 50, expiry: counting });
  await expect.poll(() => expiredAt.size).toBe(50);
  expect(performance.now() - startedAt).toBeGreaterThan(800); // 50 at 50 a second, the first slice at once
  expect(Math.max(...sizes)).toBe(5);
  expect(sizes.length).toBeLessThan(30);
});

test('while PostgreSQL is away due jobs wait in the queue, and none is given up on', async () => {
  const away = Object.assign(new Error('terminating connection'), { code: '57P01' });
  let faults = 0;
  const faulty: Pick<Expiry, 'expire'> = {
    expire: (ids) => (faults++ < 7 ? Promise.reject(away) : expiry.expire(ids)), // more than a job has attempts
  };
  startSchedule().add(await stored(20, 0));
  startWorker({ expiry: faulty });
  await expect.poll(() => expiredAt.size).toBe(20);
  await expect.poll(jobs).toEqual(none);
});

test('an order that the database refuses to expire keeps no other from it', async () => {
  const orders = await stored(5, 0);
  const culprit = orders[2]?.orderId ?? '';
  const refusal = Object.assign(new Error('violates check constraint'), { code: '23514' });
  startSchedule().add(orders);
  startWorker({ expiry: { expire: (ids) => (ids.includes(culprit) ? Promise.reject(refusal) : expiry.expire(ids)) } });
  await expect.poll(() => expiredAt.size).toBe(4);
  await expect.poll(jobs).toMatchObject({ delayed: 1 }); // it is tried again later
});

test('an order whose job was lost with queue Redis is found by the sweep', async () => {
  const orders = await stored(30, 0.5);
  const schedule = startSchedule();
  schedule.add(orders);
  await expect.poll(jobCount).toBe(30);
  await redis.flushall();
  startWorker();
  closing(
    startExpirySweep({
      expiry,
      dueJobs: async () => 0,
      wait: () => Promise.resolve(),
      logger,
      perSecond: 2000,
      overdueMs: 200,
      everyMs: 50,
    }),
  );
  await expect.poll(() => expiredAt.size).toBe(30);
  const sql =
    "SELECT DISTINCT data->>'foundBy' AS by FROM order_events WHERE type = 'order.expired' AND order_id = ANY($1)";
  expect((await pool.query(sql, [orders.map(({ orderId }) => orderId)])).rows).toEqual([{ by: 'sweep' }]);
});

test('what is scheduled while a process closes still gets its job', async () => {
  const schedule = createExpirySchedule({ queue, logger, now: Date.now });
  schedule.add(await stored(700, 60));
  await schedule.close();
  expect(await jobs()).toMatchObject({ delayed: 700 });
});
