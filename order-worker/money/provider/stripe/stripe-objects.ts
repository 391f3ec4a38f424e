import { z } from 'zod';
import type { DeclineReason, PaymentNext } from '#contract/payment.ts';
import type { FailedRefund, ProviderPayment, ProviderRefund } from '../provider.ts';
import { fromStripeAmount } from './stripe-amount.ts';
import { declineReasonOf, paymentErrorSchema } from './stripe-decline.ts';

/** Of what Stripe answers and sends, what is read here: nothing else of it is looked at. */
const id = z.string().regex(/^\w{1,255}$/);
const metadata = z.record(z.string(), z.string()).nullish();
const paymentIntentSchema = z.object({ id, status: z.string(), last_payment_error: paymentErrorSchema.nullish() });

export const sessionSchema = z.object({
  object: z.literal('checkout.session'),
  id,
  metadata,
  status: z.enum(['open', 'complete', 'expired']),
  payment_status: z.enum(['paid', 'unpaid', 'no_payment_required']),
  amount_total: z.int(),
  currency: z.string(),
  url: z.string().nullish(),
  payment_intent: z.union([id, paymentIntentSchema]).nullish(),
});
export type StripeSession = z.infer<typeof sessionSchema>;

export const refundSchema = z.object({
  object: z.literal('refund'),
  id,
  metadata,
  status: z.string().nullish(),
  amount: z.int(),
  currency: z.string(),
  failure_reason: z.string().nullish(),
});
export type StripeRefund = z.infer<typeof refundSchema>;

/** Our ids that each session, payment intent and refund carries: what has none was not made by us. */
export const ours = {
  payment: (paymentId: string, orderId: string) => ({ seckill_payment: paymentId, seckill_order: orderId }),
  refund: (refundId: string, paymentId: string) => ({ seckill_refund: refundId, seckill_payment: paymentId }),
};
export const paymentIdOf = (object: Pick<StripeSession, 'metadata'>): string | undefined =>
  object.metadata?.seckill_payment;
export const refundIdOf = (object: Pick<StripeRefund, 'metadata'>): string | undefined =>
  object.metadata?.seckill_refund;

export const paymentIntentIdOf = ({ payment_intent: intent }: StripeSession): string | null =>
  typeof intent === 'object' ? (intent?.id ?? null) : (intent ?? null);

/** One line of a third party, for ops: bounded, without characters that a terminal or a database takes amiss. */
export const wordsOf = (text: string): string => text.replace(/\p{Cc}+/gu, ' ').slice(0, 300);

/**
 * How a payment stands, by its session. A card that was declined leaves the session open: Stripe's page lets the shopper try
 * another. `isNextAllowed`: whether this address may be shown to a shopper. Null: it is no payment of ours, by its ids, or its
 * amount cannot be one of ours.
 */
export function toPayment(session: StripeSession, isNextAllowed: (url: string) => boolean): ProviderPayment | null {
  const paymentId = paymentIdOf(session);
  const money = fromStripeAmount(session.amount_total, session.currency);
  if (paymentId === undefined || money === null) return null;
  const about = { paymentId, providerId: session.id, ...money };
  if (session.payment_status !== 'unpaid') {
    return { ...about, state: 'succeeded', next: { kind: 'none' }, declined: null, reason: null };
  }
  const failure = failureOf(session);
  if (failure !== null) return { ...about, state: 'failed', next: { kind: 'none' }, ...failure };
  const { status, url } = session;
  const next: PaymentNext =
    status === 'open' && typeof url === 'string' && isNextAllowed(url) ? { kind: 'redirect', url } : { kind: 'none' };
  return { ...about, state: 'pending', next, declined: null, reason: null };
}

export type Failure = { declined: DeclineReason; reason: string };

/** Null while an unpaid session may still be paid: open, or complete with a method whose money comes days later. */
function failureOf({ status, payment_intent: intent }: StripeSession): Failure | null {
  const [state, error] = typeof intent === 'object' ? [intent?.status, intent?.last_payment_error] : [];
  const isOver =
    status === 'expired' || (status === 'complete' && (state === 'requires_payment_method' || state === 'canceled'));
  if (!isOver) return null;
  if (error === undefined || error === null) return { declined: 'timed_out', reason: 'the Checkout session expired' };
  const code = [error.code, error.decline_code].filter((one) => typeof one === 'string').join(', ');
  return { declined: declineReasonOf(error), reason: wordsOf(`${code}: ${error.message ?? ''}`) };
}

/** Null: it is no refund of ours. `refund_failed`: the money did not go back, or is with Stripe again. */
export function toRefund(
  refund: StripeRefund,
): { kind: 'refund'; refund: ProviderRefund } | { kind: 'refund_failed'; refund: FailedRefund } | null {
  const refundId = refundIdOf(refund);
  const paymentId = paymentIdOf(refund);
  const money = fromStripeAmount(refund.amount, refund.currency);
  if (refundId === undefined || paymentId === undefined || money === null) return null;
  const { status } = refund;
  if (status === 'failed' || status === 'canceled') {
    const reason = wordsOf(`${refund.id} is ${status}: ${refund.failure_reason ?? 'Stripe says no reason'}`);
    return { kind: 'refund_failed', refund: { refundId, paymentId, providerId: refund.id, reason } };
  }
  const state = status === 'succeeded' ? 'succeeded' : 'pending';
  return { kind: 'refund', refund: { refundId, paymentId, providerId: refund.id, state, ...money } };
}
