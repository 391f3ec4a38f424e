import { Pool } from 'undici';
import type { z } from 'zod';
import {
  idempotencyHeader,
  type NewProtocolPayment,
  type NewProtocolRefund,
  type ProtocolPayment,
  type ProtocolRefund,
  paymentProtocolRoutes,
  protocolErrorSchema,
  protocolEventSchema,
  protocolPaymentSchema,
  protocolRefundSchema,
} from '#contract/payment-protocol.ts';
import { verifyWebhook } from '#runtime/standard-webhooks.ts';
import {
  type OpenProvider,
  type PaymentReference,
  ProviderFault,
  type ProviderPayment,
  type ProviderRefund,
} from '../provider.ts';

type Answer = { status: number; body: unknown };
/** The protocol's only call that brings nothing but its payment. */
type EndedPayment = { reference: string };

/** Errors of the driver that come before a byte was sent. */
const notSent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT', 'EHOSTUNREACH', 'ENETUNREACH']);

const toPayment = ({
  reference,
  id,
  state,
  amount,
  currency,
  failure,
  next,
  declined,
}: ProtocolPayment): ProviderPayment => ({
  paymentId: reference,
  providerId: id,
  state,
  amount,
  currency,
  next,
  declined,
  reason: failure,
});
const toRefund = ({ reference, payment, id, state, amount, currency }: ProtocolRefund): ProviderRefund => ({
  refundId: reference,
  paymentId: payment,
  providerId: id,
  state,
  amount,
  currency,
});

/** As long as a webhook may be. An answer is one payment or refund. */
const longestAnswer = 64 * 1024;
const longestWaitSeconds = 3600;

/**
 * A provider that speaks our payment protocol over HTTP. `secrets`: those that its webhooks may be signed with. An answer
 * of more than 64 KiB is a fault, and the outcome unknown; no redirect is followed.
 */
export function createHttpProvider(options: {
  url: string;
  apiKey: string;
  secrets: readonly Buffer[];
  connections?: number;
}): OpenProvider {
  const { apiKey, secrets, connections = 64 } = options;
  const pool = new Pool(options.url, { connections, connect: { timeout: 1000 }, maxResponseSize: longestAnswer });

  async function ask(
    method: 'GET' | 'POST',
    path: string,
    signal: AbortSignal | undefined,
    body?: NewProtocolPayment | NewProtocolRefund | EndedPayment,
  ): Promise<Answer> {
    const headers = {
      authorization: `Bearer ${apiKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json', [idempotencyHeader]: body.reference }),
    };
    try {
      const response = await pool.request({
        method,
        path,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
      const text = await response.body.text();
      const { statusCode: status } = response;
      const isRefusal = status >= 400 && status < 500 && ![401, 403, 408, 429].includes(status);
      if (status < 400 || isRefusal) return { status, body: JSON.parse(text) };
      const says = `it answered ${status}: ${text.slice(0, 200)}`;
      // 500 and 504 may come after the deed; the others say that there was none.
      const kind = status === 500 || status === 504 ? 'unknown' : 'unavailable';
      throw new ProviderFault(kind, says, secondsOf(response.headers['retry-after']));
    } catch (error) {
      if (error instanceof ProviderFault) throw error;
      const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
      throw new ProviderFault(notSent.has(String(code)) ? 'unavailable' : 'unknown', error);
    }
  }

  /** The body by its schema. An answer that is none of ours says nothing about what was done. */
  function parse<T>(schema: z.ZodType<T>, answer: Answer): T {
    const result = schema.safeParse(answer.body);
    if (!result.success) throw new ProviderFault('unknown', `it answered ${answer.status} with something else`);
    return result.data;
  }
  const refusal = (answer: Answer) => parse(protocolErrorSchema, answer).error.message;
  const pathOf = (route: string, { paymentId }: PaymentReference) =>
    route.replace(':reference', encodeURIComponent(paymentId));

  async function findPayment(payment: PaymentReference, signal?: AbortSignal): Promise<ProviderPayment | null> {
    const answer = await ask('GET', pathOf(paymentProtocolRoutes.payment, payment), signal);
    if (answer.status === 404) return null;
    if (answer.status >= 400) throw new ProviderFault('unavailable', refusal(answer));
    return toPayment(parse(protocolPaymentSchema, answer));
  }

  return {
    async createPayment({ paymentId, orderId, amount, currency, expiresAtMs, title, returnUrl }, signal) {
      const expiresAt = new Date(expiresAtMs).toISOString();
      const more = { title, ...(returnUrl === null ? {} : { returnUrl }) };
      const body = { reference: paymentId, order: orderId, amount, currency, expiresAt, ...more };
      const answer = await ask('POST', paymentProtocolRoutes.payments, signal, body);
      if (answer.status >= 400) return { kind: 'refused', reason: refusal(answer) };
      return { kind: 'payment', payment: toPayment(parse(protocolPaymentSchema, answer)) };
    },

    findPayment,

    async endPayment(payment, signal) {
      const path = pathOf(paymentProtocolRoutes.end, payment);
      const answer = await ask('POST', path, signal, { reference: payment.paymentId });
      // A provider that was built before there was this call has none: its payments end by their own time.
      if (answer.status === 404 || answer.status === 405) return findPayment(payment, signal);
      if (answer.status >= 400) throw new ProviderFault('unavailable', refusal(answer));
      return toPayment(parse(protocolPaymentSchema, answer));
    },

    async createRefund({ refundId, payment, amount, currency }, signal) {
      const body = { reference: refundId, payment: payment.paymentId, amount, currency };
      const answer = await ask('POST', paymentProtocolRoutes.refunds, signal, body);
      if (answer.status >= 400) return { kind: 'refused', reason: refusal(answer) };
      return { kind: 'refund', refund: toRefund(parse(protocolRefundSchema, answer)) };
    },

    readEvent({ headers, body, nowMs }) {
      const verdict = verifyWebhook({ headers, body, nowMs }, secrets);
      if (verdict.kind === 'refused') return verdict;
      const { id } = verdict;
      const event = protocolEventSchema.safeParse(parseJson(body));
      if (!event.success) return { kind: 'event', event: { id, kind: 'unreadable' } };
      const { type, data } = event.data;
      if (type === 'refund.succeeded' && data.object === 'refund' && data.state === 'succeeded') {
        return { kind: 'event', event: { id, kind: 'refund', refund: toRefund(data) } };
      }
      if (type.startsWith('payment.') && data.object === 'payment') {
        return { kind: 'event', event: { id, kind: 'payment', payment: toPayment(data) } };
      }
      return { kind: 'event', event: { id, kind: 'other', type } };
    },

    close: () => pool.destroy(),
  };
}

/** A wait that a shopper can be told; null when it says none that makes sense. */
function secondsOf(retryAfter: string | string[] | undefined): number | null {
  const seconds = Math.ceil(Number(retryAfter ?? Number.NaN));
  return seconds >= 0 ? Math.min(seconds, longestWaitSeconds) : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // the schema refuses it
  }
}
