import type { DeclineReason, PaymentNext } from '#contract/payment.ts';
import type { Money } from '#contract/sale.ts';

/**
 * The port to whoever takes the money. Our own ids are the idempotency keys: the same id asked for twice is the same
 * payment, the same refund. docs/payment-provider.md says how to bring one's own; infra/lab/suites/payment-provider.ts
 * is what each must pass.
 */
export type PaymentProvider = {
  /** Begins to take the money, once per `paymentId`. Asked again it says how that payment stands. */
  createPayment(request: PaymentRequest, signal?: AbortSignal): Promise<PaymentOutcome>;
  /** How a payment stands; null when the provider has never heard of it. */
  findPayment(payment: PaymentReference, signal?: AbortSignal): Promise<ProviderPayment | null>;
  /**
   * Its order has ended: it can be paid no more from now on, where the provider can do that. Says how it stands then, which
   * may be `succeeded`; null when the provider has never heard of it. Asked again, it says so again.
   */
  endPayment(payment: PaymentReference, signal?: AbortSignal): Promise<ProviderPayment | null>;
  /** Gives all of a payment back, once per `refundId`. Asked again it says how that refund stands. */
  createRefund(request: RefundRequest, signal?: AbortSignal): Promise<RefundOutcome>;
  /** Reads a call of the provider's: says whether it is genuine, and what it tells. No network. */
  readEvent(call: { headers: Headers; body: string; nowMs: number }): EventVerdict;
  /** What a genuine call is answered with, where the provider wants another body than our JSON. */
  readonly webhookReply?: { body: string; type: string } | undefined;
};

/** A provider with connections of its own; they are closed after the last call. */
export type OpenProvider = PaymentProvider & { close: () => Promise<void> };

export type PaymentRequest = Money & {
  paymentId: string;
  orderId: string;
  /** Unix ms: a request that reaches the provider later is refused, so that no money comes after everybody has gone. */
  expiresAtMs: number;
  /** What is bought, for the provider's page: one line. */
  title: string;
  /** Where the provider's page sends the shopper back to; null when this shop has no public address by its settings. */
  returnUrl: string | null;
};
/** `providerId` is null when no answer of the provider's ever came. */
export type PaymentReference = { paymentId: string; providerId: string | null };
/** `payment`: the one whose money goes back. */
export type RefundRequest = Money & { refundId: string; payment: PaymentReference };

/**
 * `amount` in minor units. `next`: what the shopper does, of use while it is pending. `declined` and `reason` say why it failed:
 * by our list, null when it does not say or has not failed, and in the provider's words.
 */
export type ProviderPayment = Money & {
  paymentId: string;
  providerId: string;
  state: 'pending' | 'succeeded' | 'failed';
  next: PaymentNext;
  declined: DeclineReason | null;
  reason: string | null;
};
export type ProviderRefund = Money & {
  refundId: string;
  paymentId: string;
  providerId: string;
  state: 'pending' | 'succeeded';
};
/** `reason` in the provider's words. */
export type FailedRefund = { refundId: string; paymentId: string; providerId: string; reason: string };

/** `refused`: the provider will not do this, however often it is asked. */
export type PaymentOutcome = { kind: 'payment'; payment: ProviderPayment } | { kind: 'refused'; reason: string };
export type RefundOutcome = { kind: 'refund'; refund: ProviderRefund } | { kind: 'refused'; reason: string };

/**
 * `id` is the event's own: one that comes again has the same. `other`: genuine, and of no interest to us. `unreadable`:
 * genuine, and nothing that this adapter understands. `refund_failed`: the money did not go back, or came back to the provider
 * after it had said that it went.
 */
export type ProviderEvent = { id: string } & (
  | { kind: 'payment'; payment: ProviderPayment }
  | { kind: 'refund'; refund: ProviderRefund }
  | { kind: 'refund_failed'; refund: FailedRefund }
  | { kind: 'other'; type: string }
  | { kind: 'unreadable' }
);
/** `refused` is for calls that nothing proves to be the provider's. Every genuine one is an event. */
export type EventVerdict =
  | { kind: 'event'; event: ProviderEvent }
  | { kind: 'refused'; why: 'headers' | 'signature' | 'timestamp' };

/**
 * The provider gave no answer that counts. `unavailable`: nothing was done. `unknown`: it may have been done; asking
 * again with the same id tells.
 */
export class ProviderFault extends Error {
  readonly kind: 'unavailable' | 'unknown';
  /** Whole seconds after which the provider wants to be asked again, or null. */
  readonly retryAfterSeconds: number | null;
  constructor(kind: 'unavailable' | 'unknown', cause: unknown, retryAfterSeconds: number | null = null) {
    super(`the payment provider is ${kind}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.kind = kind;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
