import { z } from 'zod';
import type { DeclineReason } from '#contract/payment.ts';

const text = z.string().max(10_000).nullish();
/** `last_payment_error` of a payment intent. */
export const paymentErrorSchema = z.object({ type: text, code: text, decline_code: text, message: text });

/** By Stripe's codes: https://docs.stripe.com/declines/codes and https://docs.stripe.com/error-codes. */
const reasons = new Map<string, DeclineReason>([
  ['insufficient_funds', 'insufficient_funds'],
  ['expired_card', 'card_expired'],
  ['authentication_required', 'not_authenticated'],
  ['authentication_not_handled', 'not_authenticated'],
  ['payment_intent_authentication_failure', 'not_authenticated'],
  ['payment_method_customer_decline', 'abandoned'],
  ['payment_intent_payment_attempt_expired', 'timed_out'],
  ['card_declined', 'card_declined'],
]);

/** What the shopper is told: `decline_code` is the bank's reason, `code` is Stripe's, which is wider. */
export function declineReasonOf({ type, code, decline_code }: z.infer<typeof paymentErrorSchema>): DeclineReason {
  return (
    reasons.get(decline_code ?? '') ?? reasons.get(code ?? '') ?? (type === 'card_error' ? 'card_declined' : 'other')
  );
}
