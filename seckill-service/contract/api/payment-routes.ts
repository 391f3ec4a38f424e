import {
  cancelAnswerSchema,
  paymentAnswerSchema,
  paymentRequestSchema,
  refundAnswerSchema,
  webhookAnswerSchema,
} from '../payment.ts';
import { type ApiRoute, passedOn } from './route.ts';

const refusals = [...passedOn, 'UNAUTHENTICATED', 'FORBIDDEN', 'ORDER_UNKNOWN', 'ORDER_STATE'] as const;

export const paymentRoutes: readonly ApiRoute[] = [
  {
    method: 'POST',
    path: '/api/orders/{orderId}/payment',
    operation: 'pay',
    group: 'Payments',
    summary: 'Begin to pay an order, or ask how far that is',
    says: 'Safe to repeat: an order has one open payment. With a `paymentId` it is only told how that payment stands. An open payment is asked for at the provider, once in 2 seconds. Where the checkout of the shop takes the money, `paymentId` is null, and `next` leads there with a token. `UNAVAILABLE`: the provider gave no answer; nothing is lost, ask again.',
    access: 'session',
    body: paymentRequestSchema,
    answers: { 201: { says: 'the payment', schema: paymentAnswerSchema } },
    refusals,
  },
  {
    method: 'POST',
    path: '/api/orders/{orderId}/cancel',
    operation: 'cancel',
    group: 'Payments',
    summary: 'Give up an order that was not paid',
    says: 'Its unit goes back on sale. Safe to repeat.',
    access: 'session',
    answers: { 200: { says: 'cancelled', schema: cancelAnswerSchema } },
    refusals,
  },
  {
    method: 'POST',
    path: '/api/orders/{orderId}/refund',
    operation: 'refund',
    group: 'Payments',
    summary: 'Give the money of a paid order back',
    says: 'Safe to repeat: the same refund is told again.',
    access: 'session',
    answers: { 202: { says: 'the money is on its way back', schema: refundAnswerSchema } },
    refusals,
  },
  {
    method: 'POST',
    path: '/api/payments/webhook',
    operation: 'takePaymentWebhook',
    group: 'Payments',
    summary: "The payment provider's own call",
    says: 'Body and signature are of the provider; the one in the checkout signs by Standard Webhooks. Each call that is genuine is answered 200, also when it is about a payment that this shop does not have.',
    access: 'webhook',
    answers: { 200: { says: 'genuine: stored, now or before, or nothing to store', schema: webhookAnswerSchema } },
    refusals: [...passedOn, 'UNAUTHENTICATED'],
  },
];
