import type { StoredOrderState } from '#contract/order-events.ts';
import type { Pool, PoolClient } from '#runtime/postgres/connect.ts';
import type { Stock } from '#stock/stock.ts';

/** An order's row as it is now. `amount` in minor units, `payByMs` Unix ms. */
export type OrderRow = {
  orderId: string;
  userId: string;
  state: StoredOrderState;
  quantity: number;
  amount: number;
  currency: string;
  payByMs: number;
  /** The time to pay is over, by the database's clock. */
  isOverdue: boolean;
};

type Row = {
  id: string;
  user_id: string;
  state: StoredOrderState;
  quantity: number;
  amount: number;
  currency: string;
  pay_by: Date;
  is_overdue: boolean;
};
const select =
  'SELECT id, user_id, state, quantity, amount, currency, pay_by, pay_by <= now() AS is_overdue FROM orders WHERE id = $1';

function fromRow(row: Row | undefined): OrderRow | null {
  if (row === undefined) return null;
  const { id, user_id: userId, state, quantity, amount, currency, pay_by: payBy, is_overdue: isOverdue } = row;
  return { orderId: id, userId, state, quantity, amount, currency, payByMs: payBy.getTime(), isOverdue };
}

/**
 * The order's row, locked until the transaction ends. Whoever decides about an order's money locks its row first, its
 * payments and refunds after it: so two that meet wait for each other and never block each other.
 */
export async function lockOrder(client: Pick<PoolClient, 'query'>, orderId: string): Promise<OrderRow | null> {
  const { rows } = await client.query<Row>({ name: 'lock-order', text: `${select} FOR UPDATE`, values: [orderId] });
  return fromRow(rows[0]);
}

export type FoundOrder =
  | { kind: 'found'; order: OrderRow }
  | { kind: 'unknown' }
  | { kind: 'not_yours' }
  /** Accepted, and not stored yet. */
  | { kind: 'queued' };
export type FindOrder = (orderId: string, userId: string) => Promise<FoundOrder>;

/** Finds an order for somebody who says that it is theirs. */
export function createFindOrder(deps: { pool: Pool; stock: Pick<Stock, 'reservation'> }): FindOrder {
  const { pool, stock } = deps;
  return async (orderId, userId) => {
    const { rows } = await pool.query<Row>({ name: 'find-order', text: select, values: [orderId] });
    const order = fromRow(rows[0]);
    if (order !== null) return order.userId === userId ? { kind: 'found', order } : { kind: 'not_yours' };
    const reservation = await stock.reservation(orderId);
    if (reservation === null) return { kind: 'unknown' };
    return reservation.userId === userId ? { kind: 'queued' } : { kind: 'not_yours' };
  };
}
