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
/** A statement of this database waits for another one's lock. */
const isWaiting = () =>
  expect
    .poll(async () => {
      const text = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
      return (await pool.query(text)).rowCount;
    })
    .toBe(1);

test('an order is stored once, with one event, however often and by however many it is stored (I5)', async () => {
  const [a, b] = [order(), order(2)];
  expect(await store.store([a, b])).toMatchObject([{ kind: 'stored' }, { kind: 'stored' }]);
  expect(await store.store([b, a])).toMatchObject([{ kind: 'already' }, { kind: 'already' }]);
  await Promise.all(Array.from({ length: 10 }, () => store.store([a, b])));
  expect([await rows(), await events()]).toEqual([2, 2]);
});

test('orders that are stored and orders that are not are told apart in one batch (I5)', async () => {
  const [a, b, c] = [order(), order(2), order()];
  await store.store([a]);
  const shown = { version: 1, state: 'awaiting_payment', currency: 'CNY' };
  expect(await store.store([b, a, { ...c, saleId: 'ghost' }])).toMatchObject([
    { kind: 'stored', shown: { ...shown, amount: 200 } },
    { kind: 'already', shown: { ...shown, amount: 100 } },
    { kind: 'sale_unknown' },
  ]);
  expect([await rows(), await events()]).toEqual([2, 2]);
});

test('every order has its sale, every event its order, and neither is taken from it', async () => {
  const stored = order();
  await store.store([stored]);
  const empty = await database.makeSale({ units });
  const event = "INSERT INTO order_events (order_id, version, type) VALUES ('none', 1, 'order.created')";
  const homeless = `INSERT INTO orders SELECT (jsonb_populate_record(o, '{"id": "x", "sale_id": "none"}')).* FROM orders o LIMIT 1`;
  for (const [sql, constraint] of [
    [event, 'order_events_have_an_order'],
    [homeless, 'orders_have_a_sale'],
    [`DELETE FROM orders WHERE id = '${stored.orderId}'`, 'orders_stay'],
    ['TRUNCATE orders CASCADE', 'orders_stay'],
    [`DELETE FROM sales WHERE id = '${saleId}'`, 'sales_with_orders_stay'],
    [`UPDATE sales SET id = 'other' WHERE id = '${saleId}'`, 'sales_with_orders_stay'],
    ['TRUNCATE sales CASCADE', 'sales_stay'],
  ] as const) {
    await expect(pool.query(sql), sql).rejects.toMatchObject({ code: '23503', constraint });
  }
  expect((await pool.query('DELETE FROM sales WHERE id = $1', [empty])).rowCount).toBe(1);
  expect(await rows()).toBe(1);
});

test('an order and the end of its sale that meet: the one that came second is refused', async () => {
  const [first, second] = [await pool.connect(), await pool.connect()];
  const inOther = createOrderStore({ query: second.query.bind(second) } as typeof pool); // all that it uses
  try {
    await first.query('BEGIN');
    await first.query('DELETE FROM sales WHERE id = $1', [saleId]);
    const storing = inOther.store([order()]);
    storing.catch(() => {});
    await isWaiting();
    await first.query('COMMIT');
    await expect(storing).rejects.toMatchObject({ constraint: 'orders_have_a_sale' });

    saleId = await database.makeSale({ units });
    await second.query('BEGIN');
    await inOther.store([order()]);
    const deleting = first.query('DELETE FROM sales WHERE id = $1', [saleId]);
    deleting.catch(() => {});
    await isWaiting();
    await second.query('COMMIT');
    await expect(deleting).rejects.toMatchObject({ constraint: 'sales_with_orders_stay' });
    expect(await rows()).toBe(1);
  } finally {
    first.release(true);
    second.release(true);
  }
});

test('the database refuses to store more units than the sale has, whatever Redis said (second guard)', async () => {
  let alarms = 0;
  const commitBatch = createCommitBatch({
    store,
    stock: { commitShown: async (_saleId, stored) => stored.map(({ orderId }) => [orderId, 'committed']) },
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
    stock: { commitShown: async (_saleId, stored) => stored.map(({ orderId }) => [orderId, 'committed']) },
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
