import type { RefundReason } from '#contract/payment.ts';
import type { PoolClient } from '#runtime/postgres/connect.ts';
import { lockOrder } from '../../orders/find-order.ts';
import { moveOrders } from '../../orders/move-orders.ts';

export type RefundNews = { refundId: string; providerId: string; amount: number; currency: string };
export type TakeRefund = (news: RefundNews) => Promise<SettleRefundOutcome>;

export type SettleRefundOutcome =
  /** `isOrderRefunded`: the order was waiting for it, and gives its unit back now. */
  | { kind: 'returned'; orderId: string; isOrderRefunded: boolean }
  | { kind: 'already'; orderId: string }
  | { kind: 'unknown' }
  | { kind: 'mismatch'; orderId: string; says: string };

type Row = { order_id: string; reason: RefundReason; amount: number; currency: string };

/** Notes that the money is back, in the caller's transaction; an order that was refunding is refunded. */
export async function settleRefund(
  client: Pick<PoolClient, 'query'>,
  { refundId, providerId, amount, currency }: RefundNews,
): Promise<SettleRefundOutcome> {
  const { rows } = await client.query<Row>('SELECT order_id, reason, amount, currency FROM refunds WHERE id = $1', [
    refundId,
  ]);
  const [refund] = rows;
  if (refund === undefined) return { kind: 'unknown' };
  const orderId = refund.order_id;
  if (refund.amount !== amount || refund.currency !== currency) {
    return { kind: 'mismatch', orderId, says: `${amount} ${currency} instead of ${refund.amount} ${refund.currency}` };
  }
  await lockOrder(client, orderId);
  const { rowCount } = await client.query(
    `UPDATE refunds SET state = 'succeeded', provider_id = $2, last_error = NULL, updated_at = now()
      WHERE id = $1 AND state = 'pending'`,
    [refundId, providerId],
  );
  if (rowCount === 0) return { kind: 'already', orderId };
  if (refund.reason !== 'requested') return { kind: 'returned', orderId, isOrderRefunded: false };
  const moved = await moveOrders(client, {
    orderIds: [orderId],
    from: 'refunding',
    to: 'refunded',
    data: { refundId },
  });
  if (moved.length !== 1) throw new Error(`${orderId} is not refunding, but ${refundId} is back`);
  return { kind: 'returned', orderId, isOrderRefunded: true };
}
