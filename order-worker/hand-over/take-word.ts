import type { z } from 'zod';
import type { HandOverWord, handOverCallSchemas } from '#contract/hand-over.ts';
import { eventOfState } from '#contract/order-events.ts';
import { newPaymentId } from '#contract/payment.ts';
import type { PoolClient } from '#runtime/postgres/connect.ts';
import { addRefund } from '../money/refund/add-refund.ts';
import { settleRefund } from '../money/refund/settle-refund.ts';
import { lockOrder, type OrderRow } from '../orders/find-order.ts';
import { moveOrders } from '../orders/move-orders.ts';

type Client = Pick<PoolClient, 'query'>;
type Data<W extends HandOverWord> = z.output<(typeof handOverCallSchemas)[W]>['data'];
/** What the shop's server says of an order. */
export type ShopsWord = { [W in HandOverWord]: { word: W; data: Data<W> } }[HandOverWord];

export type WordOutcome =
  /** On record, now or from before; `at`: since when. */
  | { kind: 'recorded' | 'already'; at: Date }
  /** The order has ended, or was paid by another payment: nothing was recorded. */
  | { kind: 'too_late' | 'wrong_state'; why: string }
  /** Amount or currency are not the order's. */
  | { kind: 'mismatch'; order: OrderRow }
  | { kind: 'unknown' };

/**
 * Takes in what the shop's server says of an order, in the caller's transaction: like the provider's word (settle-payment.ts) it
 * meets expiry and cancel at the order's row, and exactly one of them is first. Money that comes later was never ours: it is not
 * recorded, and the shop is told to give it back. The same word twice changes nothing.
 */
export async function takeWord(client: Client, said: ShopsWord, nowMs: number): Promise<WordOutcome> {
  const { orderId, amount, currency } = said.data;
  const order = await lockOrder(client, orderId);
  if (order === null) return { kind: 'unknown' };
  if (amount !== order.amount || currency !== order.currency) return { kind: 'mismatch', order };
  switch (said.word) {
    case 'paid':
      return takePaid(client, order, said.data.reference, nowMs);
    case 'cancelled':
      return takeCancelled(client, order);
    case 'refunded':
      return takeRefunded(client, order, said.data.reference, nowMs);
  }
}

/** The payment that the shop took for an order. */
type ShopPayment = { paymentId: string; reference: string };
async function shopPaymentOf(client: Client, orderId: string): Promise<ShopPayment | null> {
  const { rows } = await client.query<{ id: string; provider_id: string }>(
    "SELECT id, provider_id FROM payments WHERE order_id = $1 AND taken_by = 'shop'",
    [orderId],
  );
  return rows[0] === undefined ? null : { paymentId: rows[0].id, reference: rows[0].provider_id };
}

/** When the order came into this state. */
async function since(client: Client, orderId: string, state: OrderRow['state']): Promise<Date> {
  const { rows } = await client.query<{ created_at: Date }>(
    'SELECT created_at FROM order_events WHERE order_id = $1 AND type = $2',
    [orderId, eventOfState[state]],
  );
  if (rows[0] === undefined) throw new Error(`${orderId} is ${state} without an event`);
  return rows[0].created_at;
}

async function move(client: Client, orderId: string, to: 'paid' | 'cancelled' | 'refunding', data = {}): Promise<void> {
  const from = to === 'refunding' ? 'paid' : 'awaiting_payment';
  const moved = await moveOrders(client, { orderIds: [orderId], from, to, data });
  if (moved.length !== 1) throw new Error(`${orderId} was locked and did not move`);
}

async function takePaid(client: Client, order: OrderRow, reference: string, nowMs: number): Promise<WordOutcome> {
  const { orderId, state } = order;
  const before = await shopPaymentOf(client, orderId);
  if (before?.reference === reference) return { kind: 'already', at: await since(client, orderId, 'paid') };
  if (before !== null)
    return { kind: 'too_late', why: `it was paid before, by ${before.reference}: give this money back` };
  if (state !== 'awaiting_payment') {
    const at = (await since(client, orderId, state)).toISOString();
    return { kind: 'too_late', why: `too late: the order ${ended[state] ?? state} at ${at}: give the money back` };
  }
  const paymentId = newPaymentId(nowMs);
  await client.query(
    `INSERT INTO payments (id, order_id, state, amount, currency, provider_id, taken_by, check_at)
     SELECT $1, id, 'succeeded', amount, currency, $3, 'shop', now() FROM orders WHERE id = $2`,
    [paymentId, orderId, reference],
  );
  await move(client, orderId, 'paid', { paymentId });
  return { kind: 'recorded', at: await since(client, orderId, 'paid') };
}

async function takeCancelled(client: Client, { orderId, state }: OrderRow): Promise<WordOutcome> {
  if (state === 'cancelled') return { kind: 'already', at: await since(client, orderId, state) };
  if (state === 'awaiting_payment') {
    await move(client, orderId, 'cancelled');
    return { kind: 'recorded', at: await since(client, orderId, 'cancelled') };
  }
  const at = (await since(client, orderId, state)).toISOString();
  if (state === 'paid')
    return { kind: 'wrong_state', why: `it was paid at ${at}: give the money back and call refunded` };
  return { kind: 'wrong_state', why: `the order ${ended[state] ?? state} at ${at}: there is nothing to cancel` };
}

async function takeRefunded(client: Client, order: OrderRow, reference: string, nowMs: number): Promise<WordOutcome> {
  const { orderId, state, amount, currency } = order;
  const payment = await shopPaymentOf(client, orderId);
  if (payment === null) {
    const instead = state === 'awaiting_payment' ? ': call cancelled, where nobody pays it any more' : '';
    return { kind: 'wrong_state', why: `no payment of it is on record${instead}` };
  }
  if (payment.reference !== reference)
    return { kind: 'wrong_state', why: `it was paid by ${payment.reference}: no payment ${reference} is on record` };
  if (state === 'refunded') return { kind: 'already', at: await since(client, orderId, state) };
  const { paymentId } = payment;
  const refundId = await addRefund(client, paymentId, 'requested', nowMs);
  if (refundId === null) throw new Error(`${paymentId} was going back before`);
  // The money is back already: both steps of a refund are one transaction, which the history tells in order.
  await move(client, orderId, 'refunding', { refundId, paymentId });
  const settled = await settleRefund(client, { refundId, providerId: reference, amount, currency });
  if (settled.kind !== 'returned') throw new Error(`${refundId} is back, and was ${settled.kind}`);
  return { kind: 'recorded', at: await since(client, orderId, 'refunded') };
}

/** What became of an order that awaits payment no more. */
const ended: Partial<Record<OrderRow['state'], string>> = {
  paid: 'was paid',
  expired: 'expired',
  cancelled: 'was cancelled',
  refunding: 'began to be refunded',
  refunded: 'was refunded',
  failed: 'failed',
};
