import { Queue, Worker } from 'bullmq';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { timerId, timerSecondOf } from '#contract/expiry-timer.ts';
import { expiryJobOptions, queuePrefix } from '#contract/queues.ts';
import { startOrdersDatabase } from '#lab/kits/orders.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { moveOrders } from '../orders/move-orders.ts';
import { createOrderStore } from '../orders/order-store.ts';
import { createSharedRate } from '../rate/rate.ts';
import { createAskQueue } from './ask-queue.ts';
import { dueTimers } from './due-timers.ts';
import { createExpiry, type Expiry } from './expire-orders.ts';
import { createPermits } from './permits.ts';
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
  saleId = await database.makeSale({ units: 5500 });
  queue = new Queue(`expiry-${saleId}`, { connection: redis, prefix: queuePrefix });
});
afterEach(async () => {
  for (const part of open.splice(0).reverse()) await part.close();
  await queue.obliterate({ force: true });
  await queue.close();
});

/** Unpaid orders with this time left to pay, as the drain hands them on. All are due at the same microsecond. */
async function stored(count: number, secondsLeft: number) {
  const orders = Array.from({ length: count }, () => database.makeOrder(saleId));
  await store.store(orders);
  const ids = orders.map((order) => order.orderId);
  const sql = 'UPDATE orders SET pay_by = now() + make_interval(secs => $2) WHERE id = ANY($1)';
  await pool.query(sql, [ids, secondsLeft]);
  return [...(await store.present(ids))].map(([orderId, shown]) => ({ orderId, ...shown }));
}
const ask = createAskQueue({ isConnected: () => true, logger });
/** Permits as one of several workers has them. */
const permitsOf = (perSecond: number) =>
  createPermits({ rate: createSharedRate(redis, `bucket-${saleId}`), ask, perSecond });
type WorkersExpiry = Pick<Expiry, 'expire' | 'msUntil' | 'unpaidOf'>;
function startWorker({
  perSecond = 20_000,
  ...more
}: { perSecond?: number; pageSize?: number } & Partial<WorkersExpiry> = {}) {
  const { pageSize = 400, ...changed } = more;
  const permits = permitsOf(perSecond);
  const deps = { queue, expiry: { ...expiry, ...changed }, permits, logger, now: Date.now, pageSize, outageRestMs: 20 };
  return closing(startExpiryWorker(deps));
}
const startSweep = () =>
  closing(
    startExpirySweep({
      expiry,
      dueTimers: () => dueTimers(queue),
      permits: permitsOf(20_000),
      logger,
      overdueMs: 200,
      everyMs: 50,
    }),
  );
const startSchedule = (now: () => number = Date.now) => closing(createExpirySchedule({ queue, logger, now }));
const addTimer = (second: number) => queue.add('pay-by', {}, { ...expiryJobOptions, jobId: timerId(second) });
/** Its orders are overdue, so it is due at once. */
async function due(orders: readonly { payByMs: number }[]) {
  for (const second of new Set(orders.map(({ payByMs }) => timerSecondOf(payByMs)))) await addTimer(second);
}
const jobs = async () => {
  const { waiting, delayed, active, prioritized, failed } = await queue.getJobCounts();
  return { waiting, delayed, active, prioritized, failed };
};
const none = { waiting: 0, delayed: 0, active: 0, prioritized: 0, failed: 0 };
/** Unix ms, by BullMQ's score of a delayed job: it counts those of a millisecond in the last twelve bits. */
const delayedUntil = async (id: string) => Number(await redis.zscore(queue.toKey('delayed'), id)) / 0x1000;
const foundBy = async (orders: readonly { orderId: string }[]) => {
  const sql = `SELECT DISTINCT coalesce(data->>'foundBy', 'timer') AS by FROM order_events
                WHERE type = 'order.expired' AND order_id = ANY($1)`;
  return (await pool.query(sql, [orders.map(({ orderId }) => orderId)])).rows.map(({ by }) => by);
};
const statesOf = async (orders: readonly { orderId: string }[]) => {
  const states = await store.present(orders.map(({ orderId }) => orderId));
  return orders.map(({ orderId }) => states.get(orderId)?.state);
};

test('a second of orders has one timer, made once, and each order expires when its time is over, not before', async () => {
  const [soon, later] = [await stored(50, 0.2), await stored(50, 1.4)];
  const schedules = [startSchedule(), startSchedule()]; // those of two workers
  for (const schedule of schedules) for (const order of [...soon, ...later]) schedule.add([order]);
  const seconds = [...new Set([...soon, ...later].map(({ payByMs }) => timerSecondOf(payByMs)))];
  await expect.poll(() => schedules.map((schedule) => schedule.waiting())).toEqual([0, 0]);
  expect(await jobs()).toEqual({ ...none, delayed: seconds.length });
  for (const second of seconds)
    expect(Math.abs((await delayedUntil(timerId(second))) - (second * 1000 + afterDueMs))).toBeLessThan(100);
  startWorker();
  await expect.poll(() => expiredAt.size).toBe(100);
  for (const { orderId, payByMs } of [...soon, ...later])
    expect(expiredAt.get(orderId)).toBeGreaterThanOrEqual(payByMs);
  await expect.poll(jobs).toEqual(none);
});

test('a timer that comes too early, by a clock that runs ahead, is delayed again and not lost', async () => {
  const orders = await stored(2, 600);
  const second = timerSecondOf(orders[0]?.payByMs ?? 0);
  let looks = 0;
  startWorker({
    msUntil: (each) => {
      looks += 1;
      return expiry.msUntil(each);
    },
  });
  startSchedule(() => Date.now() + 3_600_000).add(orders);
  await expect.poll(jobs).toEqual({ ...none, delayed: 1 });
  expect(looks).toBe(1);
  expect(Math.abs((await delayedUntil(timerId(second))) - second * 1000)).toBeLessThan(5000);
  expect(await statesOf(orders)).toEqual(['awaiting_payment', 'awaiting_payment']);
  expect((await queue.getJob(timerId(second)))?.attemptsMade).toBe(0);
});

test('a timer that comes late, twice, or for a second without an order does no harm', async () => {
  const orders = await stored(5, -100);
  startWorker();
  await due(orders);
  await expect.poll(() => expiredAt.size).toBe(5);
  await expect.poll(jobs).toEqual(none);
  await due(orders);
  await addTimer(1_700_000_000);
  await expect.poll(jobs).toEqual(none);
  expect(await statesOf(orders)).toEqual(Array(5).fill('expired'));
  const events = await pool.query("SELECT FROM order_events WHERE type = 'order.expired' AND order_id = ANY($1)", [
    orders.map(({ orderId }) => orderId),
  ]);
  expect(events.rowCount).toBe(5);
});

test('the orders of a second that were paid or cancelled meanwhile stay as they are (I6)', async () => {
  const orders = await stored(6, -1);
  const orderIds = orders.map(({ orderId }) => orderId);
  await moveOrders(pool, { orderIds: orderIds.slice(0, 2), from: 'awaiting_payment', to: 'paid' });
  await moveOrders(pool, { orderIds: orderIds.slice(2, 4), from: 'awaiting_payment', to: 'cancelled' });
  startWorker();
  await due(orders);
  await expect.poll(jobs).toEqual(none);
  expect(await statesOf(orders)).toEqual(['paid', 'paid', 'cancelled', 'cancelled', 'expired', 'expired']);
});

test('a row that a payment has in hand holds up no other, is waited for, and decided by the timer (I6)', async () => {
  const orders = await stored(10, -1);
  const [held, paid] = orders;
  const client = await pool.connect();
  await client.query('BEGIN');
  await client.query('SELECT FROM orders WHERE id = $1 FOR UPDATE', [held?.orderId]);
  await moveOrders(client, { orderIds: [paid?.orderId ?? ''], from: 'awaiting_payment', to: 'paid' });
  startWorker({ pageSize: 3 });
  closing({ close: () => client.query('ROLLBACK').then(() => client.release()) }); // also when the test fails
  await due(orders);
  const waitingForLocks = async () =>
    (await pool.query("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"))
      .rowCount;
  await expect.poll(() => expiredAt.size).toBe(8);
  await expect.poll(waitingForLocks).toBe(1);
  expect(await dueTimers(queue)).toEqual([timerSecondOf(held?.payByMs ?? 0)]); // in hand: no matter of the sweep
  await client.query('COMMIT');
  await expect.poll(jobs).toEqual(none);
  expect(await statesOf(orders)).toEqual(orders.map((order) => (order === paid ? 'paid' : 'expired')));
  expect(await foundBy(orders)).toEqual(['timer']);
});

test('5,000 orders of one second expire no faster than the rate of all workers together, in batches', async () => {
  const orders = await stored(5500, -1);
  const [sizes, perSecond]: [number[], number] = [[], 5000];
  const counting: Partial<WorkersExpiry> = {
    expire: (ids, inHand) => {
      sizes.push(ids.length);
      return expiry.expire(ids, inHand);
    },
  };
  // The other worker has something to do as well: the second before.
  await pool.query("UPDATE orders SET pay_by = pay_by - interval '1 s' WHERE id = ANY($1)", [
    orders.slice(0, 500).map(({ orderId }) => orderId),
  ]);
  const startedAt = performance.now();
  for (const _ of [1, 2]) startWorker({ perSecond, pageSize: 1000, ...counting });
  const second = timerSecondOf(orders[0]?.payByMs ?? 0);
  for (const each of [second - 1, second]) await addTimer(each);
  await expect.poll(() => expiredAt.size).toBe(5500);
  const seconds = (performance.now() - startedAt) / 1000;
  expect(5500 / (seconds + 0.2)).toBeLessThanOrEqual(perSecond + 1); // a fifth of a second is made up for
  expect(sizes.length).toBeLessThan(60);
  expect(await foundBy(orders)).toEqual(['timer']);
});

test('while PostgreSQL is away a due timer waits, and is not given up on', async () => {
  const away = Object.assign(new Error('terminating connection'), { code: '57P01' });
  let faults = 0;
  const orders = await stored(20, -1);
  startWorker({
    pageSize: 5,
    expire: (...args) => (faults++ % 2 === 0 && faults < 16 ? Promise.reject(away) : expiry.expire(...args)), // more than its attempts
  });
  await due(orders);
  await expect.poll(() => expiredAt.size).toBe(20);
  await expect.poll(jobs).toEqual(none);
});

test('an order that the database refuses to expire keeps no other from it, and is left to the sweep', async () => {
  const orders = await stored(8, -1);
  const culprit = orders[3]?.orderId ?? '';
  const refusal = Object.assign(new Error('violates check constraint'), { code: '23514' });
  startWorker({
    pageSize: 3,
    expire: (ids, inHand) => (ids.includes(culprit) ? Promise.reject(refusal) : expiry.expire(ids, inHand)),
  });
  await due(orders);
  await expect.poll(jobs).toEqual(none);
  expect(expiredAt.size).toBe(7);
  startSweep();
  await expect.poll(() => expiredAt.size).toBe(8);
  expect(await foundBy([{ orderId: culprit }])).toEqual(['sweep']);
});

test('orders whose timer was lost with queue Redis are found by the sweep, also behind a timer that takes long', async () => {
  const [late, lost] = [await stored(3, -100), await stored(30, -1)];
  const schedule = startSchedule(() => Date.now() - 600_000);
  schedule.add(lost);
  await expect.poll(async () => (await jobs()).delayed).toBe(1);
  await redis.flushall();
  let goOn = () => {};
  const gate = new Promise<void>((resolve) => (goOn = resolve));
  startWorker({ unpaidOf: (...args) => gate.then(() => expiry.unpaidOf(...args)) });
  closing({ close: async () => goOn() }); // also when the test fails
  await due(late);
  await expect.poll(async () => (await jobs()).active).toBe(1);
  startSweep();
  await expect.poll(() => expiredAt.size).toBe(30);
  expect(await foundBy(lost)).toEqual(['sweep']);
  goOn();
  await expect.poll(() => expiredAt.size).toBe(33);
  expect(await foundBy(late)).toEqual(['timer']);
});

test('a worker of the version before ends a timer without a look, and the sweep expires its orders', async () => {
  const orders = await stored(5, -1);
  const { connection } = queue.opts;
  // It takes every job for that of the order whose id it has.
  const old = new Worker(queue.name, async (job) => (await expiry.expire([job.id ?? '']))[0], {
    connection,
    prefix: queuePrefix,
  });
  old.on('error', () => {}); // closing it cuts its blocking call off
  await due(orders);
  await expect.poll(jobs).toEqual(none);
  await old.close();
  expect(expiredAt.size).toBe(0);
  startSweep();
  await expect.poll(() => expiredAt.size).toBe(5);
});

test('a timer that was wiped is made again by the next order of its second', async () => {
  let nowMs = Date.now();
  const schedule = startSchedule(() => nowMs);
  const [order] = await stored(1, 600);
  if (order === undefined) throw new Error('no order was stored');
  const delayed = async () => (await jobs()).delayed;
  schedule.add([order]);
  await expect.poll(delayed).toBe(1);
  await redis.flushall();
  nowMs += 2000;
  schedule.add([order]);
  await expect.poll(delayed).toBe(1);
});

test('the jobs of one order each, as the version before made them, are worked off at the rate', async () => {
  const [overdue, early] = [await stored(30, -1), await stored(1, 600)];
  await moveOrders(pool, { orderIds: [overdue[0]?.orderId ?? ''], from: 'awaiting_payment', to: 'paid' });
  const orders = [...overdue, ...early];
  await queue.addBulk(
    orders.map(({ orderId }) => ({ name: 'expire', data: {}, opts: { ...expiryJobOptions, jobId: orderId } })),
  );
  startWorker({ perSecond: 100 });
  const startedAt = performance.now();
  await expect.poll(() => expiredAt.size).toBe(29);
  expect(performance.now() - startedAt).toBeGreaterThan(80); // 31 at 100 a second, 21 of them at once
  await expect.poll(jobs).toEqual({ ...none, delayed: 1 });
  expect(await delayedUntil(early[0]?.orderId ?? '')).toBeGreaterThanOrEqual(early[0]?.payByMs ?? Number.NaN);
});

test('a worker that closes leaves a long timer to the others, and seconds without a timer get theirs', async () => {
  const orders = await stored(40, -1);
  const worker = startExpiryWorker({ queue, expiry, permits: permitsOf(100), logger, now: Date.now, pageSize: 5 });
  await due(orders);
  await expect.poll(() => expiredAt.size).toBeGreaterThan(0);
  const schedule = createExpirySchedule({ queue, logger, now: Date.now });
  schedule.add(await stored(700, 60));
  await Promise.all([worker.close(), schedule.close()]);
  expect(expiredAt.size).toBeLessThan(40);
  const { waiting = 0, delayed = 0 } = await queue.getJobCounts('waiting', 'delayed');
  expect(waiting + delayed).toBe(2);
  startWorker();
  await expect.poll(() => expiredAt.size).toBe(40);
});
