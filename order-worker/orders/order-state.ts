import { endedOrderStates } from '#contract/order.ts';
import type { StoredOrderState } from '#contract/order-events.ts';

/**
 * The life of an order, once the database has it. The database refuses every other move by itself
 * (infra/migrations/0003_order-lifecycle.sql); a test compares the two.
 */
export const orderMoves: Record<StoredOrderState, readonly StoredOrderState[]> = {
  awaiting_payment: ['paid', 'expired', 'cancelled'],
  paid: ['refunding'],
  refunding: ['refunded'],
  expired: [],
  cancelled: [],
  refunded: [],
  failed: [],
};

/** How an order's life may begin: `failed` is one that was accepted and given up on before it could be stored. */
export const firstStates: readonly StoredOrderState[] = ['awaiting_payment', 'failed'];

export const endedStates = endedOrderStates;
