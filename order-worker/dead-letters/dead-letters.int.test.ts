import { Queue, UnrecoverableError, Worker } from 'bullmq';
import { afterAll, beforeEach, expect, test } from 'vitest';
import type { AcceptedOrder } from '#contract/order.ts';
import { chunkJobs } from '#contract/order-chunk.ts';
import { orderJobOptions, queueNames, queuePrefix } from '#contract/queues.ts';
import { startOrdersDatabase } from '#lab/kits/orders.ts';
import { poll } from '#lab/poll.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { createStock } from '#stock/create-stock.ts';
import { createOrderStore } from '../orders/order-store.ts';
import { startOutbox } from '../outbox/outbox.ts';
import { createTellStock } from '../outbox/tell-stock.ts';
import { dropDeadLetter, retryDeadLetter } from './dead-letters.ts';
import { failedOrderIds } from './failed-orders.ts';
import { openEveryDeadLetter } from './open.ts';

const database = await startOrdersDatabase(['postgres', 'stock-redis', 'queue-redis']);
const { pool, logger, environment } = database;
const stockRedis = connectRedis('patient', environment.SECKILL_STOCK_REDIS_URL ?? '', logger);
const queueRedis = connectRedis('queue', environment.SECKILL_QUEUE_REDIS_URL ?? '', logger);
const stock = createStock(stockRedis);
const store = createOrderStore(pool);
const letters = await openEveryDeadLetter({ redis: queueRedis, pool, stock });
let saleId = '';

afterAll(async () => {
  await letters.close();
  disconnectRedis(stockRedis, queueRedis);
  await database.close();
});
beforeEach(async () => {
  await queueRedis.flushall();
  saleId = await database.makeSale({ units: 3 });
  const window = { opensAtMs: 0, closesAtMs: Date.now() + 3_600_000 };
  await stock.preload(saleId, { total: 3, ...window, limitPerUser: 3, lowestEpoch: 0 });
  await stock.setState(saleId, 'open');
});

async function accepted(): Promise<AcceptedOrder> {
  const order = database.makeOrder(saleId);
  expect(await stock.reserve(saleId, { orderId: order.orderId, userId: order.userId, quantity: 1 })).toMatchObject({
    kind: 'accepted',
  });
  return order;
}
/** Jobs that were given up on, for this reason. */
async function giveUp(name: string, jobs: { id: string; data: unknown }[], reason = 'no reason at all'): Promise<void> {
  const queue = new Queue(name, { connection: queueRedis, prefix: queuePrefix });
  await queue.addBulk(jobs.map(({ id, data }) => ({ name: 'job', data, opts: { ...orderJobOptions, jobId: id } })));
  const worker = new Worker(name, () => Promise.reject(new UnrecoverableError(reason)), {
    connection: queueRedis,
    prefix: queuePrefix,
  });
  worker.on('error', () => {}); // closing it cuts its blocking call off
  await poll('dead letters', async () => (await queue.getFailedCount()) >= jobs.length);
  await worker.close();
  await queue.close();
}
const jobOf = (order: AcceptedOrder) => ({ id: order.orderId, data: order });
const theOne = async (id: string) => {
  const [found, ...more] = await letters.find(id);
  if (found === undefined || more.length > 0) throw new Error(`${1 + more.length} dead letters ${id}`);
  return found;
};
const sold = async () => (await stock.sale(saleId))?.free;

test('a dead letter tells queue, order, reason, tries, when, and the command that mends it', async () => {
  const order = await accepted();
  await giveUp(queueNames.orders, [jobOf(order)], 'the catalogue has no sale ghost');
  const [found] = await letters.list(10);
  expect(found?.letter).toEqual({
    queue: 'orders',
    id: order.orderId,
    orderId: order.orderId,
    reason: 'the catalogue has no sale ghost',
    attempts: 1,
    failedAt: expect.stringMatching(/^20\d\d-.*Z$/),
    mend: `seckill sale create (the sale ${saleId} again), then seckill dlq retry ${order.orderId} --queue orders`,
  });
  expect(await letters.counts()).toContainEqual({ queue: 'orders', deadLetters: 1 });
});

test('dropping an accepted order fails it in the open, and its unit goes back on sale, once (I1, I3, I6)', async () => {
  const order = await accepted();
  await giveUp(queueNames.orders, [jobOf(order)]);
  expect(await sold()).toBe(2);
  const found = await theOne(order.orderId);
  expect(await dropDeadLetter(found)).toMatchObject({ kind: 'dropped' });
  expect(await dropDeadLetter(found)).toMatchObject({ kind: 'dropped' }); // as after a crash in between
  const { rows } = await pool.query(
    `SELECT o.state, o.version, e.type, e.data->>'reason' AS reason FROM orders o JOIN order_events e ON e.order_id = o.id
      WHERE o.id = $1`,
    [order.orderId],
  );
  expect(rows).toEqual([
    { state: 'failed', version: 1, type: 'order.failed', reason: 'dropped by ops: no reason at all' },
  ]);
  const outbox = startOutbox({ consumer: 'stock', pool, logger, tell: createTellStock({ stock, store, logger }) });
  await poll('the unit to be back', async () => (await sold()) === 3);
  await outbox.close();
  expect(await letters.find(order.orderId)).toEqual([]);
  // A job of it that still runs somewhere changes nothing.
  expect(await store.store([order])).toMatchObject([{ kind: 'already', shown: { state: 'failed' } }]);
  expect((await stock.sale(saleId))?.returned).toBe(1);
});

test('dropping what is stored, or was never granted, gives nothing back', async () => {
  const stored = await accepted();
  await store.store([stored]);
  const never = database.makeOrder(saleId);
  await giveUp(queueNames.orders, [jobOf(stored), jobOf(never), { id: 'rubbish', data: { rubbish: true } }]);
  const says = [];
  for (const id of [stored.orderId, never.orderId, 'rubbish']) says.push((await dropDeadLetter(await theOne(id))).says);
  expect(says).toEqual([
    'the order is stored, it is awaiting_payment',
    'no unit was ever granted to it',
    'no unit was ever granted to it',
  ]);
  expect(await sold()).toBe(2);
  expect((await pool.query("SELECT FROM orders WHERE state = 'failed' AND sale_id = $1", [saleId])).rowCount).toBe(0);
});

test('an order that a stock Redis with an older past has forgotten fails in the open when it is dropped (I3)', async () => {
  const [forgotten, never] = [database.makeOrder(saleId), database.makeOrder(saleId)];
  await giveUp(queueNames.orders, [jobOf(forgotten), { id: never.orderId, data: { ...jobOf(forgotten).data } }]);
  await stock.pauseForFault(saleId, 'an older past', 0);
  expect((await dropDeadLetter(await theOne(forgotten.orderId))).says).toContain('the order has failed');
  expect((await dropDeadLetter(await theOne(never.orderId))).says).toBe('no unit was ever granted to it');
  const { rows } = await pool.query("SELECT id FROM orders WHERE state = 'failed' AND sale_id = $1", [saleId]);
  expect(rows).toEqual([{ id: forgotten.orderId }]);
});

test('a chunk that an older worker gave up on says how many orders it has; it is retried as one, and never dropped', async () => {
  const orders = await Promise.all([accepted(), accepted()]);
  const [chunk] = chunkJobs(saleId, orders);
  const id = chunk?.opts.jobId ?? '';
  await giveUp(queueNames.orders, [{ id, data: chunk?.data }], 'not an order');
  const found = await theOne(id);
  expect(found.letter).toMatchObject({
    orderId: null,
    mend: 'nothing: order-worker tries its 2 orders again by itself',
  });
  expect(await dropDeadLetter(found)).toMatchObject({ kind: 'refused', says: expect.stringContaining('2 orders') });
  const queue = new Queue(queueNames.orders, { connection: queueRedis, prefix: queuePrefix });
  expect(await failedOrderIds(queue)).toEqual([]);
  expect(await retryDeadLetter(found)).toBe(true);
  expect(await queue.getWaitingCount()).toBe(1);
  await queue.close();
});

test('a retried dead letter is back in its queue with all its tries, all of them page by page, and twice is once', async () => {
  const orders = await Promise.all([accepted(), accepted(), accepted()]);
  await giveUp(queueNames.orders, orders.map(jobOf));
  const first = await theOne(orders[0].orderId);
  expect(await retryDeadLetter(first)).toBe(true);
  expect(await retryDeadLetter(first)).toBe(false);
  let retried = 0;
  await letters.each(async (found) => {
    if (await retryDeadLetter(found)) retried += 1;
  });
  expect(retried).toBe(2);
  expect(await letters.list(10)).toEqual([]);
  const queue = new Queue(queueNames.orders, { connection: queueRedis, prefix: queuePrefix });
  expect(await queue.getWaitingCount()).toBe(3);
  expect((await queue.getJob(orders[1].orderId))?.attemptsMade).toBe(0);
  await queue.close();
});

test('money that is owed cannot be dropped', async () => {
  await giveUp(queueNames.refunds, [{ id: 're-1', data: { refundId: 're-1' } }]);
  const found = await theOne('re-1');
  expect(await dropDeadLetter(found)).toEqual({
    kind: 'refused',
    says: 'refund re-1 is owed to a shopper: seckill dlq retry re-1 --queue refunds',
  });
  expect(await letters.find('re-1')).toHaveLength(1);
});
