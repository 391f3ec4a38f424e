import { Queue } from 'bullmq';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { chunkJobs } from '#contract/order-chunk.ts';
import { expiryJobOptions, orderJobOptions, queueNames, queuePrefix } from '#contract/queues.ts';
import { startOrdersDatabase } from '#lab/kits/orders.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectPostgres } from '#runtime/postgres/connect.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { createStock } from '#stock/create-stock.ts';
import { moveOrders } from './move-orders.ts';
import { readOrderDossier } from './order-dossier.ts';
import { createOrderStore } from './order-store.ts';

const database = await startOrdersDatabase(['postgres', 'stock-redis', 'queue-redis']);
const { pool } = database;
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const { environment } = database;
const stockRedis = connectRedis('patient', environment.SECKILL_STOCK_REDIS_URL ?? '', logger);
const queueRedis = connectRedis('patient', environment.SECKILL_QUEUE_REDIS_URL ?? '', logger);
const stock = createStock(stockRedis);
const store = createOrderStore(pool);
const queueOf = (name: string) => new Queue(name, { connection: queueRedis, prefix: queuePrefix });
const queues = { orders: queueOf(queueNames.orders), expiry: queueOf(queueNames.expiry) };
const read = (orderId: string) => readOrderDossier({ pool, stock, queueRedis }, orderId);
let saleId = '';

afterAll(async () => {
  await queues.orders.close();
  await queues.expiry.close();
  disconnectRedis(stockRedis, queueRedis);
  await database.close();
});
beforeEach(async () => {
  saleId = await database.makeSale({ units: 5 });
  const window = { opensAtMs: Date.now() - 1000, closesAtMs: Date.now() + 3_600_000 };
  await stock.preload(saleId, { total: 5, ...window, limitPerUser: 5, lowestEpoch: 0 });
  await stock.setState(saleId, 'open');
});

async function accepted() {
  const order = database.makeOrder(saleId);
  await stock.reserve(saleId, { orderId: order.orderId, userId: order.userId, quantity: 1 });
  await queues.orders.add('order', order, { ...orderJobOptions, jobId: order.orderId });
  return order;
}

test('an order in line is known by its reservation and its job, with its place', async () => {
  await accepted();
  const { orderId } = await accepted();
  expect(await read(orderId)).toMatchObject({
    orderId,
    saleId,
    order: null,
    events: [],
    reservation: { state: 'held', place: 2, userId: 'u' },
    shown: null,
    ahead: 1,
    jobs: [{ queue: 'orders', state: 'waiting', tries: 0, dueAt: null, reason: null, chunk: null }],
    away: [],
  });
});

test('an order in a chunk is known by it, with what is before it', async () => {
  await accepted();
  const orders = Array.from({ length: 3 }, () => database.makeOrder(saleId));
  await queues.orders.addBulk(chunkJobs(saleId, orders));
  for (const { orderId } of orders)
    expect(await read(orderId)).toMatchObject({
      jobs: [
        {
          queue: 'orders',
          state: 'waiting',
          chunk: { orders: 3, jobsAhead: (await queues.orders.getWaitingCount()) - 1 },
        },
      ],
    });
});

test('a stored order is known with all that happened to it, in order, and who has yet to be told', async () => {
  const order = await accepted();
  const { orderId } = order;
  await store.store([order]);
  await stock.commit(saleId, [orderId]);
  await queues.orders.remove(orderId);
  await queues.expiry.add('expire', {}, { ...expiryJobOptions, jobId: orderId, delay: 60_000 }); // as the version before made it
  const unpaid = await read(orderId);
  expect(unpaid?.timer).toBeNull();
  const payBy = Date.parse(unpaid?.order?.payBy ?? '');
  const id = `pay-by-${Math.floor(payBy / 1000) + 1}`;
  await queues.expiry.add('pay-by', {}, { ...expiryJobOptions, jobId: id, delay: payBy - Date.now() });
  const timer = (await read(orderId))?.timer;
  expect(timer).toMatchObject({ id, state: 'delayed', tries: 0, reason: null });
  expect(Math.abs(Date.parse(timer?.dueAt ?? '') - payBy)).toBeLessThan(30_000);
  await moveOrders(pool, { orderIds: [orderId], from: 'awaiting_payment', to: 'paid', data: { paymentId: 'p1' } });
  await pool.query(
    `INSERT INTO payments (id, order_id, state, amount, currency, check_at) VALUES ($1, $2, 'succeeded', 100, 'CNY', now())`,
    [`pay_${orderId.slice(-26)}`, orderId],
  );
  const dossier = await read(orderId);
  expect(dossier).toMatchObject({
    order: { state: 'paid', version: 2, userId: 'u', amount: 100, currency: 'CNY' },
    events: [
      { version: 1, type: 'order.created' },
      { version: 2, type: 'order.paid', data: { paymentId: 'p1' } },
    ],
    payments: [{ state: 'succeeded', amount: 100, reason: null }],
    refunds: [],
    untold: [{ consumer: 'stock', version: 2 }],
    reservation: { state: 'committed' },
    ahead: null,
    jobs: [{ queue: 'order-expiry', state: 'delayed' }],
    timer: null,
  });
  expect(dossier?.order?.payBy).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test('an order that nobody knows, or that is no order id, is null', async () => {
  expect(await read(`${saleId}-01hzzzzzzzzzzzzzzzzzzzzzzz`)).toBeNull();
  expect(await read('nonsense')).toBeNull();
});

test('a store that is away is named, and the others are told of all the same', async () => {
  const { orderId } = await accepted();
  const gone = connectPostgres('postgres://nobody@127.0.0.1:1/none', logger);
  const dossier = await readOrderDossier({ pool: gone, stock, queueRedis }, orderId);
  expect(dossier).toMatchObject({
    order: null,
    reservation: { place: 1 },
    away: [expect.stringMatching(/^PostgreSQL: /)],
  });
  await gone.end();
});
