import { afterAll, beforeEach, expect, test } from 'vitest';
import { eventOfState, type StoredOrderState } from '#contract/order-events.ts';
import { startOrdersDatabase } from '#lab/kits/orders.ts';
import { inTransaction } from '#runtime/postgres/connect.ts';
import { moveOrders } from './move-orders.ts';
import { firstStates, orderMoves } from './order-state.ts';
import { createOrderStore } from './order-store.ts';

const database = await startOrdersDatabase();
const { pool } = database;
const store = createOrderStore(pool);
let saleId = '';

afterAll(() => database.close());
beforeEach(async () => {
  saleId = await database.makeSale();
});

async function stored(): Promise<string> {
  const order = database.makeOrder(saleId);
  await store.store([order]);
  return order.orderId;
}
const move = (orderId: string, from: StoredOrderState, to: StoredOrderState, overdueOnly = false) =>
  inTransaction(pool, (client) => moveOrders(client, { orderIds: [orderId], from, to, overdueOnly }));
const stateOf = async (orderId: string) => (await store.present([orderId])).get(orderId);
const storedUnits = async () =>
  (await pool.query('SELECT stored_units FROM sales WHERE id = $1', [saleId])).rows[0]?.stored_units;

/** Leads an order that awaits payment to `state`, along the moves there are. */
const wayTo: Record<StoredOrderState, StoredOrderState[]> = {
  awaiting_payment: [],
  paid: ['paid'],
  expired: ['expired'],
  cancelled: ['cancelled'],
  refunding: ['paid', 'refunding'],
  refunded: ['paid', 'refunding', 'refunded'],
  failed: [],
};
const states = Object.keys(orderMoves) as StoredOrderState[]; // the table's own keys

async function orderIn(state: StoredOrderState): Promise<string> {
  if (state === 'failed') {
    const order = database.makeOrder(saleId);
    await pool.query(
      `INSERT INTO orders (id, sale_id, user_id, quantity, place, state, amount, currency, pay_by, accepted_at)
       VALUES ($1, $2, 'u', 1, $3, 'failed', 100, 'CNY', now(), now())`,
      [order.orderId, saleId, order.place],
    );
    return order.orderId;
  }
  const orderId = await stored();
  let from: StoredOrderState = 'awaiting_payment';
  for (const to of wayTo[state]) {
    expect(await move(orderId, from, to)).toHaveLength(1);
    from = to;
  }
  return orderId;
}

test.each(states)(
  'from %s the database allows exactly the moves of order-state.ts, and refuses every other',
  async (from) => {
    for (const to of states) {
      if (to === from) continue;
      const orderId = await orderIn(from);
      const attempt = move(orderId, from, to);
      if (orderMoves[from].includes(to)) {
        expect(await attempt, `${from} -> ${to}`).toMatchObject([{ orderId, state: to }]);
      } else {
        await expect(attempt, `${from} -> ${to}`).rejects.toMatchObject({ constraint: 'orders_state_machine' });
        expect((await stateOf(orderId))?.state).toBe(from);
      }
      // Units of live orders only fit the sale five at a time: make room for the next pair.
      await pool.query('UPDATE sales SET stored_units = 0 WHERE id = $1', [saleId]);
    }
  },
);

test('an order may begin only as order-state.ts says', async () => {
  for (const state of states) {
    const order = database.makeOrder(saleId);
    const insert = pool.query(
      `INSERT INTO orders (id, sale_id, user_id, quantity, place, state, amount, currency, pay_by, accepted_at)
       VALUES ($1, $2, 'u', 1, $3, $4, 100, 'CNY', now(), now())`,
      [order.orderId, saleId, order.place, state],
    );
    if (firstStates.includes(state)) await insert;
    else await expect(insert).rejects.toMatchObject({ constraint: 'orders_state_machine' });
  }
});

test('what an order is made of never changes', async () => {
  const orderId = await stored();
  for (const change of ["user_id = 'thief'", 'amount = 1', 'quantity = 2', 'version = 7']) {
    await expect(pool.query(`UPDATE orders SET ${change} WHERE id = $1`, [orderId])).rejects.toMatchObject({
      constraint: 'orders_state_machine',
    });
  }
});

test('of payment, expiry and cancel at once exactly one wins, and the order has exactly one event of it (I6)', async () => {
  for (let round = 0; round < 20; round += 1) {
    const orderId = await stored();
    const moved = await Promise.all(
      (['paid', 'expired', 'cancelled'] as const).map((to) => move(orderId, 'awaiting_payment', to)),
    );
    const winners = moved.flat();
    expect(winners).toHaveLength(1);
    const { rows } = await pool.query('SELECT type FROM order_events WHERE order_id = $1 ORDER BY version', [orderId]);
    const [winner] = winners;
    expect(rows.map((row) => row.type)).toEqual(['order.created', winner && eventOfState[winner.state]]);
    if (winner?.state === 'paid') {
      await move(orderId, 'paid', 'refunding');
      await move(orderId, 'refunding', 'refunded');
    }
  }
  expect(await storedUnits()).toBe(0);
});

test('an ended order gives its unit back to the database guard once, a paid one keeps it', async () => {
  const [gone, kept] = [await stored(), await stored()];
  await move(gone, 'awaiting_payment', 'expired');
  await move(gone, 'awaiting_payment', 'expired');
  await move(kept, 'awaiting_payment', 'paid');
  expect(await storedUnits()).toBe(1);
});

test('an order that is not due does not expire', async () => {
  const orderId = await stored();
  expect(await move(orderId, 'awaiting_payment', 'expired', true)).toEqual([]);
  await pool.query("UPDATE orders SET pay_by = now() - interval '1 second' WHERE id = $1", [orderId]);
  expect(await move(orderId, 'awaiting_payment', 'expired', true)).toMatchObject([{ orderId, version: 2 }]);
});

test('history cannot be rewritten', async () => {
  await stored();
  for (const sql of ["UPDATE order_events SET type = 'x'", 'DELETE FROM order_events', 'TRUNCATE order_events']) {
    await expect(pool.query(sql)).rejects.toMatchObject({ constraint: 'order_events_append_only' });
  }
});
