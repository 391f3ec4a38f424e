import { afterAll, beforeEach, expect, test } from 'vitest';
import { type AcceptedOrder, newOrderId } from '#contract/order.ts';
import { startOrdersDatabase } from '#lab/kits/orders.ts';
import { createCommitBatch, PoisonOrder } from '../drain/commit-batch.ts';
import { createOrderStore } from './order-store.ts';

const database = await startOrdersDatabase();
const { pool, logger } = database;
const store = createOrderStore(pool);
const units = 5;
let saleId = '';

afterAll(database.close);
beforeEach(async () => {
  saleId = await database.makeSale({ units });
});
const order = (quantity = 1): AcceptedOrder => database.makeOrder(saleId, quantity);
const rows = async () => (await store.ofSale(saleId)).length;
const events = async () => {
  const result = await pool.query(
    'SELECT count(*) AS count FROM order_events e JOIN orders o ON o.id = e.order_id WHERE sale_id = $1',
    [saleId],
  );
  return result.rows[0]?.count;
};

test('an order is stored once, with one event, however often and by however many it is stored (I5)', async () => {
  const [a, b] = [order(), order(2)];
  expect(await store.store([a, b])).toMatchObject([{ kind: 'stored' }, { kind: 'stored' }]);
  expect(await store.store([b, a])).toMatchObject([{ kind: 'already' }, { kind: 'already' }]);
  await Promise.all(Array.from({ length: 10 }, () => store.store([a, b])));
  expect([await rows(), await events()]).toEqual([2, 2]);
});

test('the database refuses to store more units than the sale has, whatever Redis said (second guard)', async () => {
  let alarms = 0;
  const commitBatch = createCommitBatch({
    store,
    stock: { show: async () => {}, commit: async (_saleId, ids) => ids.map(() => 'committed') },
    logger,
    wait: async () => {},
    onGuard: () => {
      alarms += 1;
    },
  });
  const outcomes = await commitBatch([order(2), order(2), order(2), order(1)]);
  expect(outcomes.map((outcome) => outcome instanceof PoisonOrder)).toEqual([false, false, true, false]);
  expect(alarms).toBe(1);
  expect(await rows()).toBe(3);
});

test('a poison order fails alone, its batch is stored', async () => {
  const commitBatch = createCommitBatch({
    store,
    stock: { show: async () => {}, commit: async (_saleId, ids) => ids.map(() => 'committed') },
    logger,
    wait: async () => {},
  });
  const poison = { ...order(), userId: 'nul \u0000 byte' };
  const outcomes = await commitBatch([order(), poison, order()]);
  expect(outcomes.map((outcome) => outcome instanceof PoisonOrder)).toEqual([false, true, false]);
  expect(await rows()).toBe(2);
});

test('an order of an unknown sale is not stored', async () => {
  const ghost = { ...order(), saleId: 'ghost', orderId: newOrderId('ghost', 1) };
  expect(await store.store([ghost, order()])).toMatchObject([{ kind: 'sale_unknown' }, { kind: 'stored' }]);
});

test('an order is priced by its quantity and payable for the time that the sale gives', async () => {
  const bought = order(2);
  await store.store([bought]);
  const { rows: found } = await pool.query(
    'SELECT amount, currency, state, extract(epoch FROM pay_by - created_at)::int AS seconds FROM orders WHERE id = $1',
    [bought.orderId],
  );
  expect(found).toEqual([{ amount: 200, currency: 'CNY', state: 'awaiting_payment', seconds: 900 }]);
});
