import { z } from 'zod';
import { declineReasons, paymentNextSchema } from './payment.ts';
import { moneySchema } from './sale.ts';

/**
 * What order-worker and a payment provider say to each other where the setting SECKILL_PAYMENT_PROVIDER is `http`
 * (docs/payment-provider.md). The payment sandbox speaks it. Times are ISO 8601 UTC, amounts minor units.
 */
export const paymentProtocolRoutes = {
  payments: '/v1/payments',
  payment: '/v1/payments/:reference',
  /** POST: it can be paid no more. Answers how it stands. */
  end: '/v1/payments/:reference/end',
  refunds: '/v1/refunds',
} as const;
export const idempotencyHeader = 'idempotency-key';

/** What the database can keep: PostgreSQL's text takes no zero character. */
const text = z.string().refine((value) => !value.includes('\0'), 'must not contain a zero character');
const reference = text.min(1).max(64);

/** `POST /v1/payments`. `reference` is the merchant's id; the idempotency key must be the same. */
export const newProtocolPaymentSchema = moneySchema.extend({
  reference,
  order: z.string().min(1).max(128),
  expiresAt: z.iso.datetime(),
  /** What is bought, one line. */
  title: text.max(200).optional(),
  /** Where the shopper goes after the provider's page. */
  returnUrl: z
    .url({ protocol: /^https?$/ })
    .max(1000)
    .optional(),
});
export type NewProtocolPayment = z.infer<typeof newProtocolPaymentSchema>;

/** `POST /v1/refunds`: all of a payment, by the merchant's ids. */
export const newProtocolRefundSchema = moneySchema.extend({ reference, payment: reference });
export type NewProtocolRefund = z.infer<typeof newProtocolRefundSchema>;

export const protocolPaymentSchema = z.object({
  object: z.literal('payment'),
  id: text,
  reference,
  order: text,
  state: z.enum(['pending', 'succeeded', 'failed']),
  amount: z.int(),
  currency: z.string(),
  failure: text.nullable(),
  /** What the shopper does next; left out by a provider that needs no more than the call. */
  next: paymentNextSchema.default({ kind: 'none' }),
  declined: z.enum(declineReasons).nullable().default(null),
});
export type ProtocolPayment = z.infer<typeof protocolPaymentSchema>;

export const protocolRefundSchema = z.object({
  object: z.literal('refund'),
  id: text,
  reference,
  payment: reference,
  state: z.enum(['pending', 'succeeded']),
  amount: z.int(),
  currency: z.string(),
});
export type ProtocolRefund = z.infer<typeof protocolRefundSchema>;

/** The body of a webhook, as Standard Webhooks would have it. */
export const protocolEventSchema = z.object({
  type: z.string(),
  timestamp: z.iso.datetime(),
  data: z.discriminatedUnion('object', [protocolPaymentSchema, protocolRefundSchema]),
});
export type ProtocolEvent = z.infer<typeof protocolEventSchema>;

export const protocolErrorSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
