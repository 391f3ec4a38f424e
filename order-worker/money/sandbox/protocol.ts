import { z } from 'zod';
import { moneySchema } from '#contract/sale.ts';

/** What the sandbox provider and its client say to each other. Times are ISO 8601 UTC, amounts minor units. */

export const routes = {
  payments: '/v1/payments',
  payment: '/v1/payments/:reference',
  refunds: '/v1/refunds',
  behaviour: '/sandbox/behaviour',
  books: '/sandbox/books',
  settle: '/sandbox/payments/:reference/settle',
} as const;
export const pathOf = (route: (typeof routes)['payment' | 'settle'], reference: string) =>
  route.replace(':reference', encodeURIComponent(reference));
export const idempotencyHeader = 'idempotency-key';

const reference = z.string().min(1).max(64);

/** `POST /v1/payments`. `reference` is the merchant's id; the idempotency key must be the same. */
export const newPaymentSchema = moneySchema.extend({
  reference,
  order: z.string().min(1).max(128),
  expiresAt: z.iso.datetime(),
});
export type NewPayment = z.infer<typeof newPaymentSchema>;

/** `POST /v1/refunds`: all of a payment, by the merchant's ids. */
export const newRefundSchema = moneySchema.extend({ reference, payment: reference });
export type NewRefund = z.infer<typeof newRefundSchema>;

export const paymentSchema = z.object({
  object: z.literal('payment'),
  id: z.string(),
  reference,
  order: z.string(),
  state: z.enum(['pending', 'succeeded', 'failed']),
  amount: z.int(),
  currency: z.string(),
  failure: z.string().nullable(),
});
export type SandboxPayment = z.infer<typeof paymentSchema>;

export const refundSchema = z.object({
  object: z.literal('refund'),
  id: z.string(),
  reference,
  payment: reference,
  state: z.enum(['pending', 'succeeded']),
  amount: z.int(),
  currency: z.string(),
});
export type SandboxRefund = z.infer<typeof refundSchema>;

/** The body of a webhook, as Standard Webhooks would have it. */
export const eventSchema = z.object({
  type: z.string(),
  timestamp: z.iso.datetime(),
  data: z.discriminatedUnion('object', [paymentSchema, refundSchema]),
});
export type SandboxEvent = z.infer<typeof eventSchema>;

export const errorSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/** `GET /sandbox/books?orders=<prefix>`: the money as the provider has it. `taken` and `returned` in minor units. */
export type SandboxBooks = {
  payments: SandboxPayment[];
  refunds: SandboxRefund[];
  taken: number;
  returned: number;
};
