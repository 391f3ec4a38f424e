import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import {
  type CancelAnswer,
  type PaymentAnswer,
  type PaymentNext,
  paymentRequestSchema,
  type RefundAnswer,
} from '#contract/payment.ts';
import { problemResponse } from '#contract/problems.ts';
import { isShadowOrder } from '#contract/shadow-sale.ts';
import type { OrderRow } from '../orders/find-order.ts';
import { adviceOf, type FindOwnOrder } from '../orders/find-own-order.ts';
import type { MoneyDesk } from './money-desk.ts';
import type { LookUpPayment } from './payment/look-payment.ts';
import { maxPayments } from './payment/open-payment.ts';
import type { Payment } from './payment/payments.ts';
import type { StartOutcome } from './payment/start-payment.ts';
import { ProviderFault } from './provider/provider.ts';
import type { FindWayToPay, WayToPay } from './way-to-pay.ts';

const wrongState = ({ state }: OrderRow) => problemResponse('ORDER_STATE', { detail: adviceOf[state] });
const longestBody = 16 * 1024;
const askTheShop = 'the shop took the money in its own checkout: ask the shop to give it back';

/** The way to the shop's own checkout, or why there is none: no payment begins, and no provider is asked. */
function atTheShop(context: Context, order: OrderRow, way: Exclude<WayToPay, { kind: 'here' }>): Response {
  const { orderId, state, amount, currency, payByMs } = order;
  switch (way.kind) {
    case 'not_payable':
      return state === 'awaiting_payment'
        ? problemResponse('ORDER_STATE', { detail: adviceOf.expired })
        : wrongState(order);
    case 'not_set_up': {
      const detail = "the way to the shop's checkout is not set up: nothing is lost, press again in a while";
      return problemResponse('UNAVAILABLE', { detail, retryAfterSeconds: 30 });
    }
    case 'shop': {
      const payBy = new Date(payByMs).toISOString();
      const next: PaymentNext = { kind: 'redirect', url: way.url };
      const none = { paymentId: null, declined: null, reason: null };
      const answer: PaymentAnswer = { ...none, orderId, state: 'pending', amount, currency, payBy, next };
      return context.json(answer, 201, noStore);
    }
  }
}

/** `POST /api/orders/<orderId>/payment`, `/cancel`, `/refund`: the owner only. Of bodies, a payment's id alone is looked at. */
export function createPaymentApp(deps: {
  findOwnOrder: FindOwnOrder;
  desk: Pick<MoneyDesk, 'cancel' | 'requestRefund'>;
  /** Whether its sale asks for contact or address, and has none yet. */
  isDetailsMissing: (orderId: string) => Promise<boolean>;
  startPayment: (orderId: string) => Promise<StartOutcome>;
  lookUpPayment: LookUpPayment;
  /** Whether the shop's own checkout takes the money of this order, and the way there. */
  toCheckout: FindWayToPay;
}): Hono {
  const { findOwnOrder, desk, isDetailsMissing, startPayment, lookUpPayment, toCheckout } = deps;
  const app = new Hono();
  app.use('/api/orders/*', bodyLimit({ maxSize: longestBody, onError: () => problemResponse('BODY_TOO_LARGE') }));

  const ownOrder = (context: Context) => findOwnOrder(context.req.raw, context.req.param('orderId') ?? '');

  app.post('/api/orders/:orderId/payment', async (context) => {
    const order = await ownOrder(context);
    if (order instanceof Response) return order;
    if (isShadowOrder(order.orderId)) {
      return problemResponse('ORDER_STATE', { detail: 'it is of a rehearsal: nobody is charged for it' });
    }
    const asked = paymentRequestSchema.safeParse(bodyOf(await context.req.text()));
    if (!asked.success) return problemResponse('BAD_REQUEST', { detail: 'paymentId is not the id of a payment' });
    const { paymentId } = asked.data;
    if (paymentId !== undefined) {
      const payment = await lookUpPayment(order.orderId, paymentId);
      if (payment === null) return problemResponse('BAD_REQUEST', { detail: 'this order has no such payment' });
      return context.json(answerOf(payment, order), 201, noStore);
    }
    if (order.state === 'awaiting_payment' && (await isDetailsMissing(order.orderId))) {
      return problemResponse('ORDER_STATE', { detail: 'give your contact and address first, then pay' });
    }
    const way = await toCheckout(order);
    if (way.kind !== 'here') return atTheShop(context, order, way);
    try {
      const outcome = await startPayment(order.orderId);
      switch (outcome.kind) {
        case 'payment':
          return context.json(answerOf(outcome.payment, outcome.order), 201, noStore);
        case 'not_payable': {
          const isLate = outcome.order.state === 'awaiting_payment';
          return isLate ? problemResponse('ORDER_STATE', { detail: adviceOf.expired }) : wrongState(outcome.order);
        }
        case 'too_many':
          return problemResponse('ORDER_STATE', { detail: `${maxPayments} payments of it have failed already` });
        case 'unknown':
          return problemResponse('ORDER_UNKNOWN');
      }
    } catch (error) {
      if (!(error instanceof ProviderFault)) throw error;
      const detail = 'the payment provider gives no answer: nothing is lost, press again in a moment';
      return problemResponse('UNAVAILABLE', { detail, retryAfterSeconds: error.retryAfterSeconds ?? 2 });
    }
  });

  app.post('/api/orders/:orderId/cancel', async (context) => {
    const order = await ownOrder(context);
    if (order instanceof Response) return order;
    const outcome = await desk.cancel(order.orderId);
    if (outcome.kind === 'unknown') return problemResponse('ORDER_UNKNOWN');
    if (outcome.kind === 'not_cancellable') return wrongState(outcome.order);
    const answer: CancelAnswer = { orderId: order.orderId, state: 'cancelled' };
    return context.json(answer, 200, noStore);
  });

  app.post('/api/orders/:orderId/refund', async (context) => {
    const order = await ownOrder(context);
    if (order instanceof Response) return order;
    const outcome = await desk.requestRefund(order.orderId);
    if (outcome.kind === 'unknown') return problemResponse('ORDER_UNKNOWN');
    if (outcome.kind === 'not_paid') return wrongState(outcome.order);
    if (outcome.kind === 'paid_at_the_shop') return problemResponse('ORDER_STATE', { detail: askTheShop });
    const { orderId, amount, currency } = outcome.order;
    const answer: RefundAnswer = { orderId, refundId: outcome.refundId, state: 'refunding', amount, currency };
    return context.json(answer, 202, noStore);
  });

  return app;
}

function answerOf(payment: Payment, { payByMs }: OrderRow): PaymentAnswer {
  const { paymentId, orderId, state, amount, currency, declined, reason } = payment;
  const next = (state === 'pending' ? payment.next : null) ?? { kind: 'none' };
  const payBy = new Date(payByMs).toISOString();
  return { paymentId, orderId, state, amount, currency, payBy, next, declined, reason };
}

/** A body may be left out, and what is no JSON object says nothing. */
function bodyOf(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

const noStore = { 'Cache-Control': 'private, no-store' };
