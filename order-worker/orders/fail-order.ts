import type { AcceptedOrder } from '#contract/order.ts';
import type { StoredOrderState } from '#contract/order-events.ts';
import type { Pool } from '#runtime/postgres/connect.ts';

export type FailOutcome =
  | { kind: 'failed' }
  /** It has a row: there is nothing to give up. */
  | { kind: 'already'; state: StoredOrderState }
  /** Without its sale there is no price, and no row. */
  | { kind: 'sale_unknown' };

/** Like storing it (order-store.ts), but it holds no unit: the units guard does not count it. */
const failSql = `
  WITH failed AS (
    INSERT INTO orders (id, sale_id, user_id, quantity, place, state, amount, currency, pay_by, accepted_at)
    SELECT $1, s.id, $3, $4::int, $5::bigint, 'failed', s.price_amount * $4::int, s.currency, now(),
           to_timestamp($6::bigint / 1000.0)
      FROM sales s WHERE s.id = $2
    ON CONFLICT (id) DO NOTHING
    RETURNING id, sale_id, user_id, quantity, place, amount, currency, pay_by
  )
  INSERT INTO order_events (order_id, version, type, data)
  SELECT id, 1, 'order.failed', to_jsonb(failed) || jsonb_build_object('reason', $7::text) FROM failed`;

/**
 * Ends an order that was accepted and can never be stored: it gets its row all the same (I3), in the state `failed`,
 * and the event by which its units go back on sale and its shopper hears of it. Once, whoever asks and however often.
 */
export async function failOrder(pool: Pick<Pool, 'query'>, order: AcceptedOrder, reason: string): Promise<FailOutcome> {
  const { orderId, saleId, userId, quantity, place, acceptedAt } = order;
  const values = [orderId, saleId, userId, quantity, place, acceptedAt, reason];
  const { rowCount } = await pool.query({ name: 'fail-order', text: failSql, values });
  if (rowCount === 1) return { kind: 'failed' };
  const { rows } = await pool.query<{ state: StoredOrderState }>('SELECT state FROM orders WHERE id = $1', [orderId]);
  return rows[0] === undefined ? { kind: 'sale_unknown' } : { kind: 'already', state: rows[0].state };
}
