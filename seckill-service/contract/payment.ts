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

export const paymentIdSchema = z.string().regex(/^pay_[0-9a-hjkmnp-tv-z]{26}$/, 'is not a payment id');
export const refundIdSchema = z.string().regex(/^ref_[0-9a-hjkmnp-tv-z]{26}$/, 'is not a refund id');

/** `POST /api/orders/<orderId>/payment`, 201. `amount` in minor units; `reason` says why a payment failed. */
export const paymentAnswerSchema = z.object({
  paymentId: paymentIdSchema,
  orderId: z.string(),
  state: z.enum(paymentStates),
  amount: z.int(),
  currency: z.string(),
  payBy: z.iso.datetime(),
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
