import type { OrderState } from './order.ts';

/**
 * What happens to an order, one event a change of state: the `type` in `order_events` and in everything that is sent on
 * (webhooks, server-sent events). The event of a state is the one that led into it.
 */
export const eventOfState = {
  awaiting_payment: 'order.created',
  paid: 'order.paid',
  expired: 'order.expired',
  cancelled: 'order.cancelled',
  refunding: 'order.refunding',
  refunded: 'order.refunded',
  failed: 'order.failed',
} as const satisfies Record<Exclude<OrderState, 'queued'>, `order.${string}`>;

/** An order's state once the database has the order. */
export type StoredOrderState = keyof typeof eventOfState;
export type OrderEventType = (typeof eventOfState)[StoredOrderState];
export const orderEventTypes = Object.values(eventOfState);
