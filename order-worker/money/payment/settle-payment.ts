import type { PoolClient } from '#runtime/postgres/connect.ts';
import { lockOrder } from '../../orders/find-order.ts';
import { moveOrders } from '../../orders/move-orders.ts';
import { showAgain } from '../../orders/show-again.ts';
import type { ProviderPayment } from '../provider/provider.ts';
import { addRefund, reasonToReturn } from '../refund/add-refund.ts';
import { findPayment } from './payments.ts';

/** What there is to know of a payment; `providerId` and `next` are null when the provider never had it. */
export type PaymentNews = Omit<ProviderPayment, 'providerId' | 'next'> & {
  providerId: string | null;
  next: ProviderPayment['next'] | null;
};
export type TakePayment = (news: PaymentNews) => Promise<SettleOutcome>;

export type SettleOutcome =
  | { kind: 'paid'; orderId: string }
  /** The money came for an order that is not kept, and goes back. */
  | { kind: 'goes_back'; orderId: string; refundId: string }
  | { kind: 'failed'; orderId: string }
  /** It is still open; noted. */
  | { kind: 'open'; orderId: string }
  /** Known before; nothing was changed. */
  | { kind: 'already'; orderId: string }
  /** We have no such payment; nothing was changed. */
  | { kind: 'unknown' }
  /** Amount or currency are not ours; nothing was changed. */
  | { kind: 'mismatch'; orderId: string; says: string };

/**
 * Takes in what the provider says of a payment, in the caller's transaction: the one place where money meets an order.
 * Payment, expiry and cancel all decide on the order's row: when this one comes first the order is paid, when it comes
 * later the money goes back (I6). The same news twice, or older news after newer ones, changes nothing.
 */
export async function settlePayment(
  client: Pick<PoolClient, 'query'>,
  news: PaymentNews,
  nowMs: number,
): Promise<SettleOutcome> {
  const { paymentId, providerId, state, next, declined, reason } = news;
  const payment = await findPayment(client, paymentId);
  if (payment === null) return { kind: 'unknown' };
  const { orderId, amount, currency } = payment;
  if (news.amount !== amount || news.currency !== currency) {
    return { kind: 'mismatch', orderId, says: `${news.amount} ${news.currency} instead of ${amount} ${currency}` };
  }
  // That it is still open decides nothing about the order, and waits for nobody who does.
  const order = state === 'pending' ? null : await lockOrder(client, orderId);
  if (order === null && state !== 'pending') throw new Error(`${paymentId} is of ${orderId}, which is not there`);

  // Read again under the lock: only then it is certain who was first.
  const { rowCount } = await client.query(
    `UPDATE payments SET state = $2, provider_id = coalesce($3, provider_id), reason = $4, declined = $5,
            next = CASE WHEN $6::jsonb ->> 'kind' <> 'none' THEN $6 ELSE coalesce(next, $6) END,
            -- Its order may have ended while the provider was asked for the first time: then it is to be ended there at once.
            check_at = CASE WHEN $2 = 'pending' AND provider_id IS NULL AND EXISTS (
              SELECT FROM orders WHERE orders.id = payments.order_id AND orders.state <> 'awaiting_payment') THEN now() ELSE check_at END,
            updated_at = now()
      WHERE id = $1 AND (state = 'pending' OR (state = 'failed' AND $2 = 'succeeded'))`,
    [
      ...[paymentId, state, providerId, state === 'succeeded' ? null : reason, state === 'failed' ? declined : null],
      next === null ? null : JSON.stringify(next),
    ],
  );
  if (rowCount === 0) return { kind: 'already', orderId };
  if (order === null || state === 'pending') return { kind: 'open', orderId };
  if (state === 'failed') {
    if (order.state === 'awaiting_payment') await showAgain(client, orderId); // its shopper waits for a word
    return { kind: 'failed', orderId };
  }

  const returning = reasonToReturn(order.state);
  if (returning === null) {
    const moved = await moveOrders(client, {
      orderIds: [orderId],
      from: 'awaiting_payment',
      to: 'paid',
      data: { paymentId },
    });
    if (moved.length !== 1) throw new Error(`${orderId} was locked and did not move`);
    return { kind: 'paid', orderId };
  }
  const refundId = await addRefund(client, paymentId, returning, nowMs);
  if (refundId === null) throw new Error(`${paymentId} was going back before it came`);
  return { kind: 'goes_back', orderId, refundId };
}
