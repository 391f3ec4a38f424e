import { eventOfState, type StoredOrderState } from '#contract/order-events.ts';
import type { ShownOrder } from '#contract/shown-order.ts';
import type { PoolClient } from '#runtime/postgres/connect.ts';
import { endedStates } from './order-state.ts';

/** An order after its move. */
export type MovedOrder = ShownOrder & { orderId: string; saleId: string; userId: string; quantity: number };

export type OrderMove = {
  orderIds: readonly string[];
  from: StoredOrderState;
  to: StoredOrderState;
  /** Only orders whose time to pay is over, by the database's clock. */
  overdueOnly?: boolean;
  /** Added to the data of each order's event. */
  data?: Readonly<Record<string, unknown>>;
};

type Row = {
  id: string;
  sale_id: string;
  user_id: string;
  quantity: number;
  version: number;
  amount: number;
  currency: string;
  pay_by: Date;
  open_payment: string | null;
};

/**
 * Rows are locked in the order of their ids, the sale's row (its units guard) after them: two batches that meet wait
 * for each other, they do not block each other. A payment that is open still when its order stops to await one is ended at
 * the provider by the payment sweep, which finds it by its time. It is looked for by its order, along the index `payments_order`:
 * `state = 'pending'` would let a plan that was made while the table was small walk all open payments for each order.
 */
const moveSql = `
  WITH locked AS (
    SELECT id FROM orders
     WHERE id = ANY($1) AND state = $2 AND (NOT $3::boolean OR pay_by <= now())
     ORDER BY id FOR UPDATE
  ), moved AS (
    UPDATE orders SET state = $4, version = version + 1, updated_at = now()
      FROM locked WHERE orders.id = locked.id AND orders.state = $2
    RETURNING orders.id, sale_id, user_id, quantity, place, version, amount, currency, pay_by
  ), counted AS (
    UPDATE sales SET stored_units = stored_units - back.units
      FROM (SELECT sale_id, sum(quantity)::int AS units FROM moved WHERE $5::boolean GROUP BY sale_id) back
     WHERE sales.id = back.sale_id
  ), noted AS (
    INSERT INTO order_events (order_id, version, type, data)
    SELECT id, version, $6, (to_jsonb(moved) - 'version') || $7::jsonb FROM moved
  )
  SELECT id, sale_id, user_id, quantity, version, amount, currency, pay_by,
         CASE WHEN $2 = 'awaiting_payment' THEN
           (SELECT p.id FROM payments p WHERE p.order_id = moved.id AND p.state NOT IN ('succeeded', 'failed'))
         END AS open_payment
    FROM moved`;

/** Apart, because most orders that end have no open payment. */
const dueSql = "UPDATE payments SET check_at = now(), checks = 0 WHERE id = ANY($1) AND state = 'pending'";

/**
 * Moves orders from one state to the next, in the caller's transaction, with the event and the outbox entry of each.
 * Returns those that moved: an order that was not in `from` any more stays as it is, and whoever waits for its row
 * decides after the one before has (payment, expiry and cancel race here, and exactly one of them wins).
 */
export async function moveOrders(client: Pick<PoolClient, 'query'>, move: OrderMove): Promise<MovedOrder[]> {
  const { orderIds, from, to, overdueOnly = false, data = {} } = move;
  if (orderIds.length === 0) return [];
  const { rows } = await client.query<Row>({
    name: 'move-orders',
    text: moveSql,
    values: [orderIds, from, overdueOnly, to, endedStates.has(to), eventOfState[to], JSON.stringify(data)],
  });
  const open = rows.flatMap(({ open_payment: payment }) => (payment === null ? [] : [payment]));
  if (open.length > 0) await client.query(dueSql, [open]);
  return rows.map((row) => ({
    orderId: row.id,
    saleId: row.sale_id,
    userId: row.user_id,
    quantity: row.quantity,
    version: row.version,
    state: to,
    payByMs: row.pay_by.getTime(),
    amount: row.amount,
    currency: row.currency,
  }));
}
