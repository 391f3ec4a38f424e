import { checkoutUrlOf } from '#contract/checkout.ts';
import type { HandOverKey } from '#contract/hand-over-keys.ts';
import { saleIdOfOrder } from '#contract/order.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { FindWayToPay } from '../money/way-to-pay.ts';
import { findCheckout } from './find-checkout.ts';
import { signToken } from './sign-token.ts';

/** What signs the way to a checkout. */
export type Signing = { key: HandOverKey; issuer: string };

/** Where an order's shopper goes to pay. Moves nothing: the order waits for the word of the shop's server, or for its end. */
export function createToCheckout(deps: {
  pool: Pool;
  /** Null where it is not set up. */
  signing: Signing | null;
  now: () => number;
  newId: () => string;
  onNotSetUp: (saleId: string) => void;
}): FindWayToPay {
  const { pool, signing, now, newId, onNotSetUp } = deps;
  return async (order) => {
    const { orderId, state, isOverdue } = order;
    const saleId = saleIdOfOrder(orderId) ?? '';
    const checkout = await findCheckout(pool, saleId);
    if (checkout?.mode !== 'shop') return { kind: 'here' };
    if (state !== 'awaiting_payment' || isOverdue) return { kind: 'not_payable' };
    if (signing === null) {
      onNotSetUp(saleId);
      return { kind: 'not_set_up' };
    }
    const { key, issuer } = signing;
    const token = await signToken(key, { order, template: checkout.url, issuer, nowMs: now(), id: newId() });
    return { kind: 'shop', url: checkoutUrlOf(checkout.url, orderId, token) };
  };
}
