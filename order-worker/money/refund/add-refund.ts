import type { StoredOrderState } from '#contract/order-events.ts';
import { newRefundId, type RefundReason } from '#contract/payment.ts';
import type { PoolClient } from '#runtime/postgres/connect.ts';

/** A new refund has its job at once; when that is lost, the sweep finds it after so long. */
const firstLookSeconds = 10;

/**
 * Notes that all of a payment goes back, in the caller's transaction, which holds the order's row. Returns the refund's
 * id, null when the payment was on its way back before.
 */
export async function addRefund(
  client: Pick<PoolClient, 'query'>,
  paymentId: string,
  reason: RefundReason,
  nowMs: number,
): Promise<string | null> {
  const refundId = newRefundId(nowMs);
  const { rowCount } = await client.query(
    `INSERT INTO refunds (id, payment_id, order_id, reason, amount, currency, look_at)
     SELECT $1, id, order_id, $3, amount, currency, now() + make_interval(secs => $4) FROM payments WHERE id = $2
     ON CONFLICT (payment_id) DO NOTHING`,
    [refundId, paymentId, reason, firstLookSeconds],
  );
  return rowCount === 1 ? refundId : null;
}

/** Why money that comes for an order in this state goes back; null for the state in which it is what we wait for. */
export function reasonToReturn(state: StoredOrderState): RefundReason | null {
  switch (state) {
    case 'awaiting_payment':
      return null;
    case 'expired':
      return 'order_expired';
    case 'cancelled':
      return 'order_cancelled';
    case 'failed':
      return 'order_failed';
    case 'paid':
    case 'refunding':
    case 'refunded':
      return 'paid_twice';
  }
}
