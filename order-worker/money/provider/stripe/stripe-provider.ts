import { decodeTime } from 'ulid';
import type { z } from 'zod';
import {
  type OpenProvider,
  type PaymentReference,
  ProviderFault,
  type ProviderPayment,
  type RefundOutcome,
  type RefundRequest,
} from '../provider.ts';
import { toStripeAmount } from './stripe-amount.ts';
import { createStripeClient, type StripeRefusal } from './stripe-client.ts';
import { readStripeEvent } from './stripe-event.ts';
import {
  ours,
  paymentIntentIdOf,
  refundIdOf,
  refundSchema,
  type StripeRefund,
  type StripeSession,
  sessionSchema,
  toPayment,
  toRefund,
  wordsOf,
} from './stripe-objects.ts';

const minuteMs = 60_000;
const longestTitle = 200;

/**
 * Stripe Checkout: the shopper pays on a page of Stripe's. A payment is one Checkout session, whose idempotency key is our
 * payment's id; `providerId` is the session's. `secrets`: those that webhooks may be signed with. `now` in Unix ms.
 *
 * A payment without `providerId` has none: the address of a session is known only by the answer that brings its id, which is
 * kept with the payment before a shopper sees it. So nobody can pay a session whose answer was lost. Asked to begin again,
 * Stripe answers with that same session for 24 hours, and nobody having asked, it expires.
 *
 * A webhook or a call that tells of a session finds its payment by our id in the metadata, whatever this process knew before.
 */
export function createStripeProvider(options: {
  secretKey: string;
  secrets: readonly string[];
  apiUrl: URL;
  now: () => number;
}): OpenProvider {
  const { secrets, apiUrl, now } = options;
  const { stripe, ask, close } = createStripeClient(options);

  /** Pages of Stripe's own, or of what stands in its place (SECKILL_STRIPE_API_URL). */
  function isNextAllowed(text: string): boolean {
    if (!URL.canParse(text)) return false;
    const { protocol, hostname, origin } = new URL(text);
    return (protocol === 'https:' && hostname.endsWith('.stripe.com')) || origin === apiUrl.origin;
  }

  function paymentOf(answer: unknown, paymentId: string): ProviderPayment {
    const session = parse(sessionSchema, answer);
    const payment = toPayment(session, isNextAllowed);
    if (payment?.paymentId !== paymentId) throw new ProviderFault('unknown', `${session.id} is not of ${paymentId}`);
    if (session.status === 'open' && payment.next.kind !== 'redirect') {
      throw new ProviderFault(
        'unknown',
        `${session.id} leads to ${wordsOf(session.url ?? 'nowhere')}, which is no page of Stripe's`,
      );
    }
    return payment;
  }

  async function findSession({ providerId }: PaymentReference, signal?: AbortSignal): Promise<StripeSession | null> {
    if (providerId === null) return null;
    const answer = await ask((it) => it.checkout.sessions.retrieve(providerId, { expand: ['payment_intent'] }), signal);
    if (answer.kind === 'answer') return parse(sessionSchema, answer.value);
    if (answer.status === 404) return null;
    throw new ProviderFault('unavailable', answer.words);
  }

  async function findPayment(payment: PaymentReference, signal?: AbortSignal): Promise<ProviderPayment | null> {
    const session = await findSession(payment, signal);
    return session === null ? null : paymentOf(session, payment.paymentId);
  }

  /** An earlier call of this refund's, whose key Stripe has forgotten (24 hours), and which holds the money by now. */
  async function findRefund(intent: string, refundId: string, signal?: AbortSignal): Promise<StripeRefund | null> {
    const answer = await ask((it) => it.refunds.list({ payment_intent: intent, limit: 100 }), signal);
    if (answer.kind === 'refused') throw new ProviderFault('unavailable', answer.words);
    const refunds = answer.value.data.map((refund) => parse(refundSchema, refund));
    return refunds.find((refund) => refundIdOf(refund) === refundId) ?? null;
  }

  return {
    async createPayment(request, signal) {
      const { paymentId, orderId, currency, expiresAtMs, title, returnUrl } = request;
      if (expiresAtMs <= now()) return { kind: 'refused', reason: 'the time to pay is over' };
      if (returnUrl === null)
        return { kind: 'refused', reason: 'SECKILL_PUBLIC_URL is not set: Stripe leads the shopper back there' };
      const price = toStripeAmount(request);
      if (price.kind === 'refused') return price;
      const metadata = ours.payment(paymentId, orderId);
      // By the payment alone, never by the clock: the same key with other parameters is an error.
      const answer = await ask(
        (it) =>
          it.checkout.sessions.create(
            {
              mode: 'payment',
              line_items: [
                {
                  quantity: 1,
                  price_data: {
                    currency: currency.toLowerCase(),
                    unit_amount: price.amount,
                    product_data: { name: [...title].slice(0, longestTitle).join('') },
                  },
                },
              ],
              adaptive_pricing: { enabled: false }, // the amount is ours, in our currency
              client_reference_id: paymentId,
              metadata,
              payment_intent_data: { metadata },
              success_url: returnUrl,
              cancel_url: returnUrl,
              expires_at: sessionEndSeconds(paymentId, expiresAtMs),
            },
            { idempotencyKey: paymentId },
          ),
        signal,
      );
      if (answer.kind === 'refused') return refused(answer);
      if (!answer.isReplayed) return { kind: 'payment', payment: paymentOf(answer.value, paymentId) };
      // It is the first answer once more: how it stands by now, the session itself says.
      const { id: providerId } = parse(sessionSchema, answer.value);
      const payment = await findPayment({ paymentId, providerId }, signal);
      if (payment === null) throw new ProviderFault('unknown', `${providerId} was there, and is gone`);
      return { kind: 'payment', payment };
    },

    findPayment,

    async endPayment(payment, signal) {
      const { paymentId, providerId } = payment;
      if (providerId === null) return null;
      const answer = await ask((it) => it.checkout.sessions.expire(providerId, { expand: ['payment_intent'] }), signal);
      // Refused where it is not open: it was paid, or has expired, or never was. It says which.
      return answer.kind === 'refused' ? findPayment(payment, signal) : paymentOf(answer.value, paymentId);
    },

    async createRefund(request: RefundRequest, signal): Promise<RefundOutcome> {
      const { refundId, payment, amount, currency } = request;
      const session = await findSession(payment, signal);
      const intent = session === null ? null : paymentIntentIdOf(session);
      if (intent === null) return { kind: 'refused', reason: `Stripe has no money of ${payment.paymentId}` };
      const price = toStripeAmount({ amount, currency });
      if (price.kind === 'refused') return price;
      const metadata = ours.refund(refundId, payment.paymentId);
      const answer = await ask(
        (it) =>
          it.refunds.create({ payment_intent: intent, amount: price.amount, metadata }, { idempotencyKey: refundId }),
        signal,
      );
      if (answer.kind === 'refused') {
        const before = await findRefund(intent, refundId, signal);
        return before === null ? refused(answer) : refundOutcome(before, refundId);
      }
      const made = parse(refundSchema, answer.value);
      if (!answer.isReplayed) return refundOutcome(made, refundId);
      const asItStands = await ask((it) => it.refunds.retrieve(made.id), signal);
      if (asItStands.kind === 'refused') throw new ProviderFault('unavailable', asItStands.words);
      return refundOutcome(parse(refundSchema, asItStands.value), refundId);
    },

    readEvent: (call) => readStripeEvent(stripe, secrets, call),

    close,
  };
}

/**
 * When a session ends by itself, Unix seconds. Stripe takes 30 minutes to 24 hours from its call on, so that is after the time
 * to pay; `endPayment` ends it at that time. Out of the payment alone: a second call must say the same as the first.
 */
function sessionEndSeconds(paymentId: string, expiresAtMs: number): number {
  const begunMs = decodeTime(paymentId.slice(paymentId.indexOf('_') + 1).toUpperCase());
  const endMs = Math.min(expiresAtMs + 31 * minuteMs, begunMs + 24 * 60 * minuteMs - minuteMs);
  return Math.floor(endMs / 1000);
}

const refused = ({ words, code }: StripeRefusal): { kind: 'refused'; reason: string } => ({
  kind: 'refused',
  reason: wordsOf(code === '' ? words : `${code}: ${words}`),
});

function refundOutcome(refund: StripeRefund, refundId: string): RefundOutcome {
  const outcome = toRefund(refund);
  if (outcome === null || refundIdOf(refund) !== refundId) {
    throw new ProviderFault('unknown', `${refund.id} is not of ${refundId}`);
  }
  return outcome.kind === 'refund' ? outcome : { kind: 'refused', reason: outcome.refund.reason };
}

/** An answer that is none that we know says nothing about what was done. */
function parse<T>(schema: z.ZodType<T>, answer: unknown): T {
  const result = schema.safeParse(answer);
  if (!result.success) throw new ProviderFault('unknown', 'Stripe answered with something else');
  return result.data;
}
