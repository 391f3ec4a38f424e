import type { PoolClient } from '#runtime/postgres/connect.ts';
import { lockOrder, type OrderRow } from '../../orders/find-order.ts';
import { moveOrders } from '../../orders/move-orders.ts';
import { addRefund } from './add-refund.ts';

export type RequestOutcome =
  | { kind: 'refunding'; refundId: string; order: OrderRow; isNew: boolean }
  | { kind: 'not_paid'; order: OrderRow }
  /** The shop's own checkout took the money: it gives it back, and says so. */
  | { kind: 'paid_at_the_shop' }
  | { kind: 'unknown' };

/**
 * Begins to give a paid order's money back, in the caller's transaction: the order is refunding, and its refund is
 * noted. An order that is refunding already says by which refund: asking again is safe.
 */
export async function requestRefund(
  client: Pick<PoolClient, 'query'>,
  orderId: string,
  nowMs: number,
): Promise<RequestOutcome> {
  const order = await lockOrder(client, orderId);
  if (order === null) return { kind: 'unknown' };
  if (order.state === 'refunding') {
    const { rows } = await client.query<{ id: string }>(
      "SELECT id FROM refunds WHERE order_id = $1 AND reason = 'requested'",
      [orderId],
    );
    const [refund] = rows;
    if (refund === undefined) throw new Error(`${orderId} is refunding without a refund`);
    return { kind: 'refunding', refundId: refund.id, order, isNew: false };
  }
  if (order.state !== 'paid') return { kind: 'not_paid', order };
  const {
    rows: [payment],
  } = await client.query<{ id: string; taken_by: 'provider' | 'shop' }>(
    `SELECT id, taken_by FROM payments p WHERE order_id = $1 AND state = 'succeeded'
        AND NOT EXISTS (SELECT FROM refunds WHERE payment_id = p.id)`,
    [orderId],
  );
  if (payment === undefined) throw new Error(`${orderId} is paid without a payment`);
  if (payment.taken_by === 'shop') return { kind: 'paid_at_the_shop' };
  const refundId = await addRefund(client, payment.id, 'requested', nowMs);
  if (refundId === null) throw new Error(`${payment.id} was going back before`);
  const data = { refundId, paymentId: payment.id };
  await moveOrders(client, { orderIds: [orderId], from: 'paid', to: 'refunding', data });
  return { kind: 'refunding', refundId, order: { ...order, state: 'refunding' }, isNew: true };
}
