import { ulid } from 'ulid';
import { z } from 'zod';

/**
 * A payment as we know it: `pending` until the provider says what became of it. `failed` may still turn into `succeeded`
 * (money that came after all is never ignored), `succeeded` stays.
 */
export const paymentStates = ['pending', 'succeeded', 'failed'] as const;
export type PaymentState = (typeof paymentStates)[number];

/** What a shopper is told of the last payment of an order that awaits payment: under way, or declined by the provider. */
export const shownPaymentStates = ['open', 'declined'] as const;
export type ShownPaymentState = (typeof shownPaymentStates)[number];

/**
 * Why a payment was declined, as the shopper is told: a fixed list, because no text of a third party reaches a page. What the
 * provider says in its own words is kept for ops. `abandoned`: the shopper left the provider's page without paying.
 * `timed_out`: the time to pay was over. `other`: none of these, or not known.
 */
export const declineReasons = [
  'card_declined',
  'insufficient_funds',
  'card_expired',
  'not_authenticated',
  'abandoned',
  'timed_out',
  'other',
] as const;
export type DeclineReason = (typeof declineReasons)[number];

const webUrl = z.url({ protocol: /^https?$/, error: 'must be an http(s) URL' }).max(4096);

/**
 * What the shopper does next to pay. `redirect`: go to this page of the provider, which leads back to the order's page.
 * `qr`: scan this text with the provider's app; an http(s) URL in it opens the app on a phone. `none`: nothing; the provider
 * needs no more than the press.
 */
export const paymentNextSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('none') }),
  z.object({ kind: z.literal('redirect'), url: webUrl }),
  z.object({ kind: z.literal('qr'), text: z.string().min(1).max(1024) }),
]);
export type PaymentNext = z.infer<typeof paymentNextSchema>;

/** Why money goes back: somebody asked, or it came for an order that is not kept. */
export const refundReasons = [
  'requested',
  'order_expired',
  'order_cancelled',
  'order_failed',
  /** A second payment of the same order. */
  'paid_twice',
] as const;
export type RefundReason = (typeof refundReasons)[number];

/** A new payment's id, which is also its idempotency key at the provider: `pay_<ulid>`, lower case. */
export function newPaymentId(nowMs: number): string {
  return `pay_${ulid(nowMs).toLowerCase()}`;
}

/** A new refund's id, which is also its idempotency key at the provider and its BullMQ jobId: `ref_<ulid>`. */
export function newRefundId(nowMs: number): string {
  return `ref_${ulid(nowMs).toLowerCase()}`;
}

/** Where a shopper comes back to from a page of the payment provider's. Nothing in it is trusted: the page asks how the order stands. */
export const orderReturnUrl = (publicUrl: string, orderId: string): string =>
  `${publicUrl}/orders/${orderId}?from=payment`;

export const paymentIdSchema = z.string().regex(/^pay_[0-9a-hjkmnp-tv-z]{26}$/, 'is not a payment id');
export const refundIdSchema = z.string().regex(/^ref_[0-9a-hjkmnp-tv-z]{26}$/, 'is not a refund id');

/**
 * The body of `POST /api/orders/<orderId>/payment`, which may be left out. With a `paymentId` it is told how that payment of
 * the order stands, and none is begun: for a shopper who comes back from the provider's page.
 */
export const paymentRequestSchema = z.object({ paymentId: paymentIdSchema.optional() });
export type PaymentRequestBody = z.infer<typeof paymentRequestSchema>;

/**
 * `POST /api/orders/<orderId>/payment`, 201. `paymentId` is null where the shop's own checkout takes the money: `next` leads there, and
 * there is no payment before the shop says so. `amount` in minor units. `next`: what the shopper does now, while the payment is
 * pending. `declined` and `reason` say why a payment failed: for the shopper, and in the provider's words.
 */
export const paymentAnswerSchema = z.object({
  paymentId: paymentIdSchema.nullable(),
  orderId: z.string(),
  state: z.enum(paymentStates),
  amount: z.int(),
  currency: z.string(),
  payBy: z.iso.datetime(),
  next: paymentNextSchema,
  declined: z.enum(declineReasons).nullable(),
  reason: z.string().nullable(),
});
export type PaymentAnswer = z.infer<typeof paymentAnswerSchema>;

/** `POST /api/orders/<orderId>/refund`, 202. `amount` in minor units. */
export const refundAnswerSchema = z.object({
  orderId: z.string(),
  refundId: refundIdSchema,
  state: z.literal('refunding'),
  amount: z.int(),
  currency: z.string(),
});
export type RefundAnswer = z.infer<typeof refundAnswerSchema>;

/** `POST /api/orders/<orderId>/cancel`, 200. */
export const cancelAnswerSchema = z.object({ orderId: z.string(), state: z.literal('cancelled') });
export type CancelAnswer = z.infer<typeof cancelAnswerSchema>;

/** `POST /api/payments/webhook`, 200: it is genuine, and need not come again. */
export const webhookAnswerSchema = z.object({ received: z.literal(true) });
export type WebhookAnswer = z.infer<typeof webhookAnswerSchema>;
