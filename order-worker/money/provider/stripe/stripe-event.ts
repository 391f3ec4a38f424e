import { createHash } from 'node:crypto';
import Stripe from 'stripe';
import { z } from 'zod';
import type { EventVerdict, ProviderEvent } from '../provider.ts';
import { paymentIdOf, refundIdOf, refundSchema, sessionSchema, toPayment, toRefund } from './stripe-objects.ts';

const eventSchema = z.object({
  id: z.string().regex(/^\w{1,255}$/),
  type: z.string().max(255),
  data: z.object({ object: z.unknown() }),
});

const signatureHeader = 'stripe-signature';
/** Stripe's own. */
const toleranceSeconds = 300;

/**
 * Reads a webhook by the package's own verifier, over the body as it came. What a session or a refund tells counts only with
 * our ids in its metadata: a Stripe account may have other business. Stripe tells of a refund from its beginning on, and one
 * that had succeeded may fail days later.
 */
export function readStripeEvent(
  stripe: Pick<Stripe, 'webhooks'>,
  secrets: readonly string[],
  { headers, body, nowMs }: { headers: Headers; body: string; nowMs: number },
): EventVerdict {
  const signature = headers.get(signatureHeader);
  if (signature === null) return { kind: 'refused', why: 'headers' };
  const isSigned = (tolerance: number) =>
    secrets.some((secret) => verifies(stripe, { body, signature, secret, tolerance, nowMs }));
  if (!isSigned(Number.MAX_SAFE_INTEGER)) return { kind: 'refused', why: 'signature' };
  if (!isSigned(toleranceSeconds)) return { kind: 'refused', why: 'timestamp' };
  return { kind: 'event', event: eventOf(body) };
}

function verifies(
  stripe: Pick<Stripe, 'webhooks'>,
  call: { body: string; signature: string; secret: string; tolerance: number; nowMs: number },
): boolean {
  const { body, signature, secret, tolerance, nowMs } = call;
  try {
    stripe.webhooks.constructEvent(body, signature, secret, tolerance, undefined, nowMs);
    return true;
  } catch (error) {
    // Any other error is about the body, which is read below: its signature was right.
    return !(error instanceof Stripe.errors.StripeSignatureVerificationError);
  }
}

function eventOf(body: string): ProviderEvent {
  const parsed = eventSchema.safeParse(parseJson(body));
  if (!parsed.success) {
    return { id: `body-${createHash('sha256').update(body).digest('hex')}`, kind: 'unreadable' };
  }
  const { id, type, data } = parsed.data;
  if (type.startsWith('checkout.session.')) return { id, ...paymentEvent(type, data.object) };
  if (type.startsWith('refund.') || type === 'charge.refund.updated') return { id, ...refundEvent(type, data.object) };
  return { id, kind: 'other', type };
}

type Told = ProviderEvent extends infer E ? (E extends ProviderEvent ? Omit<E, 'id'> : never) : never;

function paymentEvent(type: string, object: unknown): Told {
  const session = sessionSchema.safeParse(object);
  if (isOfOthers(object, paymentIdOf)) return { kind: 'other', type };
  const payment = session.success ? toPayment(session.data, () => false) : null;
  if (payment === null) return { kind: 'unreadable' };
  if (type !== 'checkout.session.async_payment_failed' || payment.state !== 'pending')
    return { kind: 'payment', payment };
  const reason = 'the bank did not pay: checkout.session.async_payment_failed';
  return { kind: 'payment', payment: { ...payment, state: 'failed', declined: 'other', reason } };
}

function refundEvent(type: string, object: unknown): Told {
  if (isOfOthers(object, refundIdOf)) return { kind: 'other', type };
  const parsed = refundSchema.safeParse(object);
  const refund = parsed.success ? toRefund(parsed.data) : null;
  return refund ?? { kind: 'unreadable' };
}

const markedSchema = z.object({ metadata: z.record(z.string(), z.string()).nullish() });

/** It is some object, and has no id of ours: made by hand in the Dashboard, or by another program of the shop's. */
function isOfOthers(object: unknown, ourIdOf: (marked: z.infer<typeof markedSchema>) => string | undefined): boolean {
  const marked = markedSchema.safeParse(object);
  return marked.success && ourIdOf(marked.data) === undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // the schema refuses it
  }
}
