import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Stripe from 'stripe';

/** An object of Stripe's: fields of any kind. */
type Thing = Record<string, unknown> & { id: string };
type Answer = { status: number; body: unknown; isReplayed?: boolean };
type Asked = { method: string; path: string; text: string; headers: IncomingMessage['headers'] };

const error = (status: number, type: string, code: string, message: string): Answer => ({
  status,
  body: { error: { type, code, message } },
});
const missing = (what: string) => error(404, 'invalid_request_error', 'resource_missing', `No such ${what}`);
const invalid = (code: string, message: string) => error(400, 'invalid_request_error', code, message);

/**
 * What of Stripe's API the adapter uses, with its state: sessions, refunds, idempotency keys, and signed webhooks. Written
 * by Stripe's documentation (https://docs.stripe.com/api), never seen beside Stripe itself. `mockUrl`: a stripe-mock, by
 * which every request is judged first; its examples lend the answers all further fields.
 */
export async function startStripeStandIn(options: { mockUrl: string | null }) {
  const { mockUrl } = options;
  const secretKey = 'sk_test_ofTheStandIn';
  const webhookSecret = 'whsec_of_the_stand_in_0123456789';
  const sessions = new Map<string, Thing>();
  const intents = new Map<string, Thing>();
  const refunds = new Map<string, Thing>();
  const keys = new Map<string, { text: string; answer: Answer }>();
  const asked: Asked[] = [];
  /** Requests that are not as Stripe's schema has them. */
  const refusedBySchema: string[] = [];
  let heard: { headers: Headers; body: string }[] = [];
  let isAway = false;
  let refundStatus = 'succeeded';
  let pageOrigin = 'https://checkout.stripe.com';
  let count = 0;
  const newId = (kind: string) => {
    count += 1;
    return `${kind}_test_${Date.now()}${count}`;
  };

  const sign = (body: string, secret = webhookSecret) => ({
    headers: new Headers({ 'stripe-signature': Stripe.webhooks.generateTestHeaderString({ payload: body, secret }) }),
    body,
  });
  function tell(type: string, object: Thing): void {
    const event = { id: newId('evt'), object: 'event', type, created: Math.floor(Date.now() / 1000) };
    heard.push(sign(JSON.stringify({ ...event, data: { object } })));
  }

  function sessionOf(id: string): Thing {
    const session = sessions.get(id);
    if (session === undefined) throw new Error(`${id} is no session`);
    return session;
  }
  function change(id: string, fields: Record<string, unknown>): Thing {
    const session = { ...sessionOf(id), ...fields };
    sessions.set(id, session);
    return session;
  }
  function intentFor(id: string, fields: Record<string, unknown>): string {
    const before = sessionOf(id).payment_intent;
    const intent = typeof before === 'string' ? before : newId('pi');
    intents.set(intent, { object: 'payment_intent', ...intents.get(intent), id: intent, ...fields });
    return intent;
  }
  /** As the API shows it, its payment intent in full where that was asked for. */
  function shown(session: Thing, params: URLSearchParams): Thing {
    const intent = typeof session.payment_intent === 'string' ? intents.get(session.payment_intent) : undefined;
    return params.getAll('expand[0]').includes('payment_intent') && intent !== undefined
      ? { ...session, payment_intent: intent }
      : session;
  }

  function createSession(params: URLSearchParams): Answer {
    const seconds = Number(params.get('expires_at')) - Date.now() / 1000;
    if (!(seconds >= 1800 && seconds <= 86_400)) {
      return invalid(
        '',
        'The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.',
      );
    }
    const id = newId('cs');
    const session: Thing = {
      ...{ id, object: 'checkout.session', mode: 'payment', status: 'open', payment_status: 'unpaid' },
      amount_total: Number(params.get('line_items[0][price_data][unit_amount]')),
      currency: params.get('line_items[0][price_data][currency]'),
      client_reference_id: params.get('client_reference_id'),
      metadata: metadataOf(params),
      url: `${pageOrigin}/c/pay/${id}`,
      payment_intent: null, // until the shopper presses "pay"
    };
    sessions.set(id, session);
    return { status: 200, body: session };
  }

  function createRefund(params: URLSearchParams): Answer {
    const intent = intents.get(params.get('payment_intent') ?? '');
    if (intent === undefined) return missing('payment_intent');
    const amount = Number(params.get('amount'));
    if (intent.status !== 'succeeded')
      return invalid('', `This PaymentIntent (${intent.id}) does not have a successful charge to refund.`);
    const back = [...refunds.values()].filter(
      ({ payment_intent: of, status }) => of === intent.id && status !== 'failed' && status !== 'canceled',
    );
    if (back.length > 0) return invalid('charge_already_refunded', 'Charge has already been refunded.');
    const refund: Thing = {
      ...{ id: newId('re'), object: 'refund', status: refundStatus, amount, currency: intent.currency },
      ...{ payment_intent: intent.id, metadata: metadataOf(params) },
      ...(refundStatus === 'failed' ? { failure_reason: 'expired_or_canceled_card' } : {}),
    };
    refunds.set(refund.id, refund);
    tell('refund.created', refund);
    tell(refundStatus === 'failed' ? 'refund.failed' : 'refund.updated', refund);
    return { status: 200, body: refund };
  }

  function expire(id: string, params: URLSearchParams): Answer {
    const session = sessions.get(id);
    if (session === undefined) return missing('checkout.session');
    if (session.status !== 'open')
      return invalid(
        '',
        `Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of ${session.status}.`,
      );
    const ended = change(id, { status: 'expired', url: null });
    tell('checkout.session.expired', ended);
    return { status: 200, body: shown(ended, params) };
  }

  function answerTo(method: string, path: string, params: URLSearchParams): Answer {
    const [, kind = '', id = '', action] =
      /^\/v1\/(checkout\/sessions|refunds)(?:\/(\w+))?(?:\/(\w+))?$/.exec(path) ?? [];
    const found = (kind === 'refunds' ? refunds : sessions).get(id);
    if (method === 'POST' && kind === 'checkout/sessions' && action === 'expire') return expire(id, params);
    if (method === 'POST' && id === '' && kind === 'checkout/sessions') return createSession(params);
    if (method === 'POST' && id === '' && kind === 'refunds') return createRefund(params);
    if (method === 'GET' && id === '' && kind === 'refunds') {
      const data = [...refunds.values()].filter(({ payment_intent: of }) => of === params.get('payment_intent'));
      return { status: 200, body: { object: 'list', url: '/v1/refunds', has_more: false, data } };
    }
    if (method !== 'GET' || found === undefined) return missing(kind);
    return { status: 200, body: shown(found, params) };
  }

  /** A key answers as it did the first time, for 24 hours; a request that was not begun leaves its key free. */
  function answerOnce(key: string | undefined, text: string, make: () => Answer): Answer {
    const before = key === undefined ? undefined : keys.get(key);
    if (before !== undefined && before.text !== text) {
      return error(
        400,
        'idempotency_error',
        '',
        'Keys for idempotent requests can only be used with the same parameters they were first used with.',
      );
    }
    if (before !== undefined) return { ...before.answer, isReplayed: true };
    const answer = make();
    if (key !== undefined && answer.status === 200) keys.set(key, { text, answer });
    return answer;
  }

  /** What stripe-mock says to it; null without one. */
  async function judge({ method, path, text, headers }: Asked): Promise<{ ok: boolean; body: unknown } | null> {
    if (mockUrl === null) return null;
    const answer = await fetch(`${mockUrl}${path}`, {
      method,
      headers: {
        authorization: headers.authorization ?? '',
        ...(method === 'POST' ? { 'content-type': headers['content-type'] ?? '' } : {}),
      },
      ...(method === 'POST' ? { body: text } : {}),
    });
    const body: unknown = await answer.json();
    if (!answer.ok) refusedBySchema.push(`${method} ${path} ${text}: ${JSON.stringify(body)}`);
    return { ok: answer.ok, body };
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url: path = '', headers } = request;
    const one: Asked = { method, path, text: Buffer.concat(chunks).toString(), headers };
    asked.push(one);
    if (isAway) return void request.socket.destroy();
    const judged = await judge(one);
    const { pathname, search } = new URL(path, 'http://stripe');
    const params = new URLSearchParams(method === 'POST' ? one.text : search);
    const key = headers['idempotency-key'];
    const said =
      headers.authorization !== `Bearer ${secretKey}`
        ? error(401, 'invalid_request_error', '', 'Invalid API Key provided')
        : judged?.ok === false
          ? { status: 400, body: judged.body }
          : answerOnce(typeof key === 'string' ? key : undefined, `${pathname} ${one.text}`, () =>
              answerTo(method, pathname, params),
            );
    const isObject = said.status === 200 && Reflect.get(Object(said.body), 'object') !== 'list';
    response.writeHead(said.status, {
      ...{ 'content-type': 'application/json', 'request-id': newId('req') },
      ...(said.isReplayed === true ? { 'idempotent-replayed': 'true' } : {}),
    });
    response.end(JSON.stringify(isObject ? { ...Object(judged?.body), ...Object(said.body) } : said.body));
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((trouble: unknown) => {
      refusedBySchema.push(String(trouble));
      response.destroy();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // a TCP server's

  return {
    url: `http://127.0.0.1:${port}`,
    ...{ secretKey, webhookSecret, sign, asked, refusedBySchema },
    webhooks: () => {
      const taken = heard;
      heard = [];
      return taken;
    },
    away: (is: boolean) => {
      isAway = is;
    },
    session: sessionOf,
    refundsOf: (sessionId: string) =>
      [...refunds.values()].filter(({ payment_intent: of }) => of === sessionOf(sessionId).payment_intent),
    forgetKeys: () => keys.clear(),
    /** Sessions from now on lead to a page there. */
    leadTo: (origin: string) => {
      pageOrigin = origin;
    },
    /** Refunds from now on are as Stripe's `status` says. */
    refundsAre: (status: 'succeeded' | 'pending' | 'failed') => {
      refundStatus = status;
    },
    /** A refund that was under way has come to its end. */
    endRefund: (id: string, status: 'succeeded' | 'failed') => {
      const refund = { ...refunds.get(id), id, status };
      refunds.set(id, refund);
      tell(status === 'failed' ? 'refund.failed' : 'refund.updated', refund);
    },
    /** As by hand in the Dashboard: nothing of ours is in it. */
    refundByHand: (sessionId: string) => {
      const { payment_intent: intent, amount_total: amount, currency } = sessionOf(sessionId);
      const refund: Thing = {
        id: newId('re'),
        object: 'refund',
        status: 'succeeded',
        amount,
        currency,
        payment_intent: intent,
        metadata: {},
      };
      refunds.set(refund.id, refund);
      tell('refund.created', refund);
    },
    /** The shopper's card pays. */
    pay: (sessionId: string) => {
      const { amount_total: amount, currency } = sessionOf(sessionId);
      const intent = intentFor(sessionId, { status: 'succeeded', last_payment_error: null, amount, currency });
      const fields = { status: 'complete', payment_status: 'paid', payment_intent: intent, url: null };
      tell('checkout.session.completed', change(sessionId, fields));
    },
    /** The shopper's card is declined; the page lets him try another. */
    declineCard: (sessionId: string, codes: { code: string; decline_code?: string }) => {
      const failure = { type: 'card_error', message: 'Your card was declined.', ...codes };
      const intent = intentFor(sessionId, { status: 'requires_payment_method', last_payment_error: failure });
      change(sessionId, { payment_intent: intent });
    },
    /** Its time is over. */
    expire: (sessionId: string) => void expire(sessionId, new URLSearchParams()),
    /** The shopper has ordered his bank to pay: the money comes in some days, or does not. */
    payLater: (sessionId: string) => {
      const intent = intentFor(sessionId, { status: 'processing', last_payment_error: null });
      const fields = { status: 'complete', payment_status: 'unpaid', payment_intent: intent, url: null };
      tell('checkout.session.completed', change(sessionId, fields));
    },
    endLater: (sessionId: string, isPaid: boolean) => {
      const { amount_total: amount, currency } = sessionOf(sessionId);
      const failure = { type: 'invalid_request_error', code: 'payment_intent_payment_attempt_failed', message: 'no' };
      intentFor(sessionId, {
        amount,
        currency,
        status: isPaid ? 'succeeded' : 'requires_payment_method',
        last_payment_error: isPaid ? null : failure,
      });
      if (isPaid) tell('checkout.session.async_payment_succeeded', change(sessionId, { payment_status: 'paid' }));
      else tell('checkout.session.async_payment_failed', sessionOf(sessionId));
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
export type StripeStandIn = Awaited<ReturnType<typeof startStripeStandIn>>;

const metadataOf = (params: URLSearchParams) =>
  Object.fromEntries(
    [...params].flatMap(([name, value]) => {
      const key = /^metadata\[(\w+)\]$/.exec(name)?.[1];
      return key === undefined ? [] : [[key, value]];
    }),
  );
