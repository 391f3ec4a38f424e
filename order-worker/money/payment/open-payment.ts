import { newPaymentId } from '#contract/payment.ts';
import type { PoolClient } from '#runtime/postgres/connect.ts';
import { lockOrder, type OrderRow } from '../../orders/find-order.ts';
import { showAgain } from '../../orders/show-again.ts';
import { type Payment, paymentFields, readPayments } from './payments.ts';

/** So many times one order may be tried to be paid: a card that never works must not fill the table. */
export const maxPayments = 20;

export type OpenOutcome =
  | { kind: 'open'; payment: Payment; order: OrderRow }
  /** It cannot be paid as it is now. */
  | { kind: 'not_payable'; order: OrderRow }
  | { kind: 'too_many' }
  | { kind: 'unknown' };

/**
 * The order's open payment, a new one when there is none, in the caller's transaction. It decides on the order's row,
 * as expiry and cancel do: a payment is never opened for an order that has ended. `checkAfterMs`: when to begin to ask
 * the provider how it stands.
 */
export async function openPayment(
  client: Pick<PoolClient, 'query'>,
  options: { orderId: string; nowMs: number; checkAfterMs: number },
): Promise<OpenOutcome> {
  const { orderId, nowMs, checkAfterMs } = options;
  const order = await lockOrder(client, orderId);
  if (order === null) return { kind: 'unknown' };
  if (order.state !== 'awaiting_payment') return { kind: 'not_payable', order };
  const before = await readPayments(client, `SELECT ${paymentFields} FROM payments WHERE order_id = $1`, [orderId]);
  const open = before.find(({ state }) => state === 'pending');
  if (open !== undefined) return { kind: 'open', payment: open, order };
  if (order.isOverdue) return { kind: 'not_payable', order };
  if (before.length >= maxPayments) return { kind: 'too_many' };
  const [payment] = await readPayments(
    client,
    `INSERT INTO payments (id, order_id, amount, currency, check_at)
     SELECT $1, id, amount, currency, now() + make_interval(secs => $3) FROM orders WHERE id = $2
     RETURNING ${paymentFields}`,
    [newPaymentId(nowMs), orderId, checkAfterMs / 1000],
  );
  if (payment === undefined) throw new Error(`${orderId} was locked and is not there`);
  await showAgain(client, orderId);
  return { kind: 'open', payment, order };
}
