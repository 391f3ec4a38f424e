import type { OrderRow } from '../orders/find-order.ts';

/** Who takes the money of an order, by its sale. The hand-over (order-worker/hand-over) says so. */
export type WayToPay =
  /** The order page, by a payment provider. */
  | { kind: 'here' }
  /** The shop's own checkout, and the shopper's way there. */
  | { kind: 'shop'; url: string }
  /** The shop takes it, and this order cannot be paid (any more). */
  | { kind: 'not_payable' }
  /** The shop takes it, and a setting of the hand-over is missing. */
  | { kind: 'not_set_up' };
export type FindWayToPay = (order: OrderRow) => Promise<WayToPay>;
