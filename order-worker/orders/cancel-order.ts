import type { PoolClient } from '#runtime/postgres/connect.ts';
import { lockOrder, type OrderRow } from './find-order.ts';
import { moveOrders } from './move-orders.ts';

export type CancelOutcome =
  /** `isNew` is false when it was cancelled before. */
  { kind: 'cancelled'; isNew: boolean } | { kind: 'not_cancellable'; order: OrderRow } | { kind: 'unknown' };

/**
 * Cancels an order that was not paid, in the caller's transaction. A payment of it may be open: if its money comes
 * after all, it goes back (settle-payment.ts).
 */
export async function cancelOrder(client: Pick<PoolClient, 'query'>, orderId: string): Promise<CancelOutcome> {
  const order = await lockOrder(client, orderId);
  if (order === null) return { kind: 'unknown' };
  if (order.state === 'cancelled') return { kind: 'cancelled', isNew: false };
  if (order.state !== 'awaiting_payment') return { kind: 'not_cancellable', order };
  await moveOrders(client, { orderIds: [orderId], from: 'awaiting_payment', to: 'cancelled' });
  return { kind: 'cancelled', isNew: true };
}
