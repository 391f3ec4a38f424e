import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import {
  type OpenProvider,
  type PaymentOutcome,
  type PaymentReference,
  type PaymentRequest,
  ProviderFault,
  type ProviderPayment,
  type ProviderRefund,
  type RefundRequest,
} from '../provider.ts';
import { type AlipayAnswer, createAlipayGateway } from './alipay-gateway.ts';
import { beijingTime } from './beijing-time.ts';
import { readNotice } from './read-notice.ts';
import { subjectOf } from './subject.ts';
import { amountSchema, idSchema, toPayment, tradeSchema } from './trade.ts';
import { toYuan } from './yuan.ts';

/** `qr`: a code to scan, or to open in the app on a phone. `page`: Alipay's own page. */
export type AlipayWay = 'qr' | 'page';

const querySchema = tradeSchema.extend({ send_pay_date: z.string().optional() });
const precreateSchema = z.object({ out_trade_no: idSchema, qr_code: z.string().min(1).max(1024) });
const refundSchema = z.object({ trade_no: idSchema });
const refundQuerySchema = z.object({
  trade_no: idSchema.optional(),
  refund_status: z.string().optional(),
  refund_amount: amountSchema.optional(),
});
/** Alipay takes a time to pay of one minute to 15 days. */
const shortestMs = 60_000;
const longestMs = 15 * 86_400_000;

/**
 * Alipay's payments (OpenAPI 2.0), by the official SDK. A payment is the trade whose `out_trade_no` is our id. The trade does not
 * exist before its shopper has scanned the code or opened the page: until then Alipay knows of no such payment, and our own
 * id stands for its number.
 */
export function createAlipayProvider(options: {
  appId: string;
  privateKey: KeyObject;
  alipayKey: KeyObject;
  url: string;
  way: AlipayWay;
  /** Where Alipay sends its notices. */
  notifyUrl: string;
  now?: () => number;
}): OpenProvider {
  const { appId, way, notifyUrl, now = Date.now } = options;
  const gateway = createAlipayGateway({ ...options, now });

  async function findPayment({ paymentId }: PaymentReference, signal?: AbortSignal): Promise<ProviderPayment | null> {
    const answer = await gateway.ask('alipay.trade.query', { out_trade_no: paymentId }, { signal });
    if (answer.kind === 'refused') {
      if (answer.code === 'ACQ.TRADE_NOT_EXIST') return null;
      throw new ProviderFault('unavailable', answer.reason);
    }
    const trade = parse(querySchema, answer);
    if (trade.out_trade_no !== paymentId) throw new ProviderFault('unknown', 'it answered for another payment');
    return toPayment(trade, trade.send_pay_date !== undefined);
  }

  /** How a payment stands that Alipay has already. */
  function standing(found: ProviderPayment, { amount }: PaymentRequest): PaymentOutcome {
    if (found.amount === amount) return { kind: 'payment', payment: found };
    return { kind: 'refused', reason: `Alipay has ${found.paymentId} with another amount, ${toYuan(found.amount)}` };
  }
  const begun = ({ paymentId, amount, currency }: PaymentRequest, next: ProviderPayment['next']): PaymentOutcome => ({
    kind: 'payment',
    payment: {
      ...{ paymentId, providerId: paymentId, amount, currency, next },
      ...{ state: 'pending', declined: null, reason: null },
    },
  });

  async function createQr(request: PaymentRequest, content: Record<string, string>, signal?: AbortSignal) {
    const answer = await gateway.ask('alipay.trade.precreate', content, { signal, notifyUrl });
    if (answer.kind === 'done') {
      const { out_trade_no, qr_code: text } = parse(precreateSchema, answer);
      if (out_trade_no !== request.paymentId) throw new ProviderFault('unknown', 'it answered for another payment');
      return begun(request, { kind: 'qr', text });
    }
    // It may be refused because it is paid, or closed, or there with another amount.
    const found = await findPayment({ paymentId: request.paymentId, providerId: null }, signal);
    return found === null ? { kind: 'refused' as const, reason: answer.reason } : standing(found, request);
  }

  async function createPage(
    request: PaymentRequest,
    content: Record<string, string>,
    returnUrl: string,
    signal?: AbortSignal,
  ) {
    // Signing asks nobody. The question tells of a payment that is there, and of keys that are wrong before a shopper does.
    const found = await findPayment({ paymentId: request.paymentId, providerId: null }, signal);
    const url = () =>
      gateway.page(
        'alipay.trade.page.pay',
        { ...content, product_code: 'FAST_INSTANT_TRADE_PAY' },
        { notifyUrl, returnUrl },
      );
    if (found === null) return begun(request, { kind: 'redirect', url: url() });
    const outcome = standing(found, request);
    if (outcome.kind === 'refused' || found.state !== 'pending') return outcome;
    return { ...outcome, payment: { ...found, next: { kind: 'redirect' as const, url: url() } } };
  }

  /** The refund by its id, where Alipay says that its money is back; null where it does not (yet). */
  async function findRefund(request: RefundRequest, by: string, signal?: AbortSignal): Promise<ProviderRefund | null> {
    const { refundId, payment, currency } = request;
    const content = { out_trade_no: payment.paymentId, out_request_no: by };
    const answer = await gateway.ask('alipay.trade.fastpay.refund.query', content, { signal });
    if (answer.kind === 'refused') return null;
    const { trade_no: providerId, refund_status: status, refund_amount: amount } = parse(refundQuerySchema, answer);
    if (status !== 'REFUND_SUCCESS' || amount === undefined || providerId === undefined) return null;
    return { refundId, paymentId: payment.paymentId, providerId, state: 'succeeded', amount, currency };
  }

  return {
    async createPayment(request, signal) {
      const { paymentId, orderId, amount, currency, expiresAtMs, title, returnUrl } = request;
      if (currency !== 'CNY')
        return { kind: 'refused', reason: `Alipay is paid in CNY here, and this order is in ${currency}` };
      const nowMs = now();
      if (expiresAtMs <= nowMs) return { kind: 'refused', reason: 'its time to pay is over' };
      const content = {
        out_trade_no: paymentId,
        total_amount: toYuan(amount),
        subject: subjectOf(title, orderId),
        time_expire: beijingTime(Math.min(Math.max(expiresAtMs, nowMs + shortestMs + 1000), nowMs + longestMs)),
      };
      if (way === 'qr') return createQr(request, content, signal);
      if (returnUrl === null)
        return { kind: 'refused', reason: 'there is no page to come back to: SECKILL_PUBLIC_URL is not set' };
      return createPage(request, content, returnUrl, signal);
    },

    findPayment,

    async endPayment(payment, signal) {
      const content = { out_trade_no: payment.paymentId };
      const closed = await gateway.ask('alipay.trade.close', content, { signal });
      if (way === 'qr' && closed.kind === 'refused' && closed.code === 'ACQ.TRADE_NOT_EXIST') {
        // Its code may still be scanned; cancel ends that. Of a trade that was paid this very moment it gives the money back.
        await gateway.ask('alipay.trade.cancel', content, { signal });
      }
      return findPayment(payment, signal);
    },

    async createRefund(request, signal) {
      const { refundId, payment, amount, currency } = request;
      if (currency !== 'CNY') return { kind: 'refused', reason: `Alipay took CNY, and this refund is in ${currency}` };
      const { paymentId } = payment;
      const content = { out_trade_no: paymentId, out_request_no: refundId, refund_amount: toYuan(amount) };
      const answer = await gateway.ask('alipay.trade.refund', content, { signal });
      // `fund_change` is no proof: N is said of a refund that is under way and of one that was made before.
      const found = await findRefund(request, refundId, signal);
      if (found !== null) return { kind: 'refund', refund: found };
      if (answer.kind === 'done') {
        const { trade_no: providerId } = parse(refundSchema, answer);
        return { kind: 'refund', refund: { refundId, paymentId, providerId, state: 'pending', amount, currency } };
      }
      // endPayment's cancel may have given it back: such a refund is by the payment's own id.
      const byCancel = await findRefund(request, paymentId, signal);
      return byCancel === null ? { kind: 'refused', reason: answer.reason } : { kind: 'refund', refund: byCancel };
    },

    readEvent: ({ body }) => readNotice(body, gateway, appId),

    // Any other body makes Alipay send the notice again, seven times more within a day.
    webhookReply: { body: 'success', type: 'text/plain' },

    close: gateway.close,
  };
}

function parse<T>(schema: z.ZodType<T>, answer: Extract<AlipayAnswer, { kind: 'done' }>): T {
  const result = schema.safeParse(answer.body);
  if (!result.success) throw new ProviderFault('unknown', 'it answered with something else');
  return result.data;
}
