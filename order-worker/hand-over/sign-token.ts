import { SignJWT } from 'jose';
import { checkoutOrigin } from '#contract/checkout.ts';
import type { HandOverClaims } from '#contract/hand-over.ts';
import type { HandOverKey } from '#contract/hand-over-keys.ts';
import { saleIdOfOrder } from '#contract/order.ts';
import type { OrderRow } from '../orders/find-order.ts';

/** A token is for the way to the checkout. A shopper who stays away longer comes back, and gets another. */
const longestMs = 600_000;

/**
 * What an order's shopper brings to the shop's checkout, as JWT (RFC 7519) by ES256: whose order it is, of what, for how much,
 * and until when. It is for this one shop (`aud`), and good until the order must be paid, 10 minutes at most.
 */
export function signToken(
  key: HandOverKey,
  {
    order,
    template,
    issuer,
    nowMs,
    id,
  }: { order: OrderRow; template: string; issuer: string; nowMs: number; id: string },
): Promise<string> {
  const { orderId, userId, quantity, amount, currency, payByMs } = order;
  const claims: HandOverClaims = {
    order: orderId,
    sale: saleIdOfOrder(orderId) ?? '', // a row has no other ids
    quantity,
    amount: { amount, currency },
    payBy: new Date(payByMs).toISOString(),
  };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'ES256', kid: key.jwk.kid, typ: 'JWT' })
    .setIssuer(issuer)
    .setAudience(checkoutOrigin(template))
    .setSubject(userId)
    .setIssuedAt(Math.floor(nowMs / 1000))
    .setExpirationTime(Math.floor(Math.min(payByMs, nowMs + longestMs) / 1000))
    .setJti(id)
    .sign(key.privateKey);
}
