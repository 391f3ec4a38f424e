import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { newPaymentId, newRefundId } from '#contract/payment.ts';
import { type StripeStandIn, startStripeStandIn } from '#lab/kits/stripe-stand-in.ts';
import { findStripeMock, startStripeMock } from '#lab/servers/stripe-mock.ts';
import { testProvider } from '#lab/suites/payment-provider.ts';
import { type OpenProvider, type PaymentRequest, ProviderFault, type ProviderPayment } from '../provider.ts';
import { createStripeProvider } from './stripe-provider.ts';

// Without stripe-mock (npm run setup:stripe-mock) Stripe's schema judges no request here: the tests of it are reported as skipped.
const program = findStripeMock();
let mock: { url: string; close: () => Promise<void> } | null = null;
beforeAll(async () => {
  mock = program === null ? null : await startStripeMock(program);
});
afterAll(() => mock?.close());

const minuteMs = 60_000;
let clockMs = 0;
const now = () => clockMs || Date.now();

async function startStripe(): Promise<{ stripe: StripeStandIn; provider: OpenProvider; close: () => Promise<void> }> {
  const stripe = await startStripeStandIn({ mockUrl: mock?.url ?? null });
  const { secretKey, webhookSecret, url } = stripe;
  const secrets = [webhookSecret, 'whsec_that_takes_its_place_next'];
  const provider = createStripeProvider({ secretKey, secrets, apiUrl: new URL(url), now });
  return {
    stripe,
    provider,
    close: async () => {
      await provider.close();
      await stripe.close();
      expect(stripe.refusedBySchema).toEqual([]); // whatever else was tested
    },
  };
}

testProvider('Stripe Checkout', async () => {
  const { stripe, provider, close } = await startStripe();
  let isDeclining = false;
  return {
    provider,
    close,
    webhooks: stripe.webhooks,
    sign: (body) => stripe.sign(body === '' ? ' ' : body), // Stripe's package takes no empty body for signed
    decline: async (is) => {
      isDeclining = is;
    },
    away: async (is) => stripe.away(is),
    shop: async ({ providerId, next }) => {
      expect(next).toMatchObject({ kind: 'redirect' });
      if (!isDeclining) return stripe.pay(providerId);
      stripe.declineCard(providerId, { code: 'card_declined', decline_code: 'insufficient_funds' });
      stripe.expire(providerId);
    },
  };
});

describe('Stripe Checkout', () => {
  let stripe: StripeStandIn;
  let provider: OpenProvider;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ stripe, provider, close } = await startStripe());
  });
  afterAll(() => close());
  beforeEach(() => {
    stripe.webhooks();
    stripe.refundsAre('succeeded');
    clockMs = 0;
  });

  const request = (more: Partial<PaymentRequest> = {}): PaymentRequest => ({
    ...{ paymentId: newPaymentId(Date.now()), orderId: 'autumn-1', amount: 1999, currency: 'CNY' },
    ...{ expiresAtMs: Date.now() + 15 * minuteMs, title: 'Autumn phone' },
    returnUrl: 'https://shop.example/orders/autumn-1?from=payment',
    ...more,
  });
  async function begun(more: Partial<PaymentRequest> = {}): Promise<ProviderPayment> {
    const answer = await provider.createPayment(request(more));
    if (answer.kind !== 'payment') throw new Error(answer.reason);
    return answer.payment;
  }
  async function paid(): Promise<ProviderPayment> {
    const payment = await begun();
    stripe.pay(payment.providerId);
    return payment;
  }
  const refundOf = (payment: ProviderPayment) => ({
    ...{ refundId: newRefundId(Date.now()), payment },
    ...{ amount: payment.amount, currency: payment.currency },
  });
  const events = () =>
    stripe.webhooks().map((call) => {
      const verdict = provider.readEvent({ ...call, nowMs: Date.now() });
      return verdict.kind === 'event' ? verdict.event : verdict;
    });

  test.runIf(program !== null)('each kind of request is as Stripe’s published schema has it', async () => {
    const payment = await paid();
    await provider.endPayment(payment);
    const refund = refundOf(payment);
    await provider.createRefund(refund);
    await provider.createRefund(refund); // and how it stands
    await provider.createRefund(refundOf(payment)); // and the list of those that there are
    await provider.findPayment(payment);
    const routes = new Set(
      stripe.asked.map(({ method, path }) => `${method} ${path.replace(/\?.*/, '').replace(/\w+_test_\w+/, '<id>')}`),
    );
    expect([...routes].sort()).toEqual([
      'GET /v1/checkout/sessions/<id>',
      'GET /v1/refunds',
      'GET /v1/refunds/<id>',
      'POST /v1/checkout/sessions',
      'POST /v1/checkout/sessions/<id>/expire',
      'POST /v1/refunds',
    ]);
    expect(stripe.refusedBySchema).toEqual([]);
    // It judges at all.
    const wrong = await fetch(`${mock?.url}/v1/refunds`, {
      method: 'POST',
      headers: { authorization: `Bearer ${stripe.secretKey}` },
      body: new URLSearchParams({ payment_intent: 'pi_1', seckill: 'yes' }),
    });
    expect(wrong.status).toBe(400);
  });

  test('the shopper is led to a page of Stripe’s, and to nobody else’s', async () => {
    expect((await begun()).next).toEqual({
      kind: 'redirect',
      url: expect.stringMatching(/^https:\/\/checkout\.stripe\.com\//),
    });
    try {
      for (const origin of [
        'http://checkout.stripe.com',
        'https://stripe.com.evil.example',
        'https://evilstripe.com',
        'javascript:1',
      ]) {
        stripe.leadTo(origin);
        await expect(provider.createPayment(request())).rejects.toThrow(/no page of Stripe/);
      }
    } finally {
      stripe.leadTo('https://checkout.stripe.com');
    }
  });

  test('a request says the same again at any time, and Stripe is told an end that it takes for every time to pay', async () => {
    const wanted = request();
    const first = await provider.createPayment(wanted);
    clockMs = Date.now() + 10 * minuteMs;
    expect(await provider.createPayment(wanted)).toEqual(first);
    clockMs = 0;
    for (const minutes of [1, 24 * 60]) {
      const expiresAtMs = Date.now() + minutes * minuteMs;
      expect(await provider.createPayment(request({ expiresAtMs }))).toMatchObject({ kind: 'payment' });
    }
  });

  test('money is counted as Stripe counts it, and as ISO 4217 does in here', async () => {
    const payment = await begun({ amount: 5000, currency: 'ISK' });
    expect(payment).toMatchObject({ amount: 5000, currency: 'ISK' });
    expect(stripe.asked.at(-1)?.text).toContain('500000');
    const refused = await provider.createPayment(request({ amount: 5124, currency: 'KWD' }));
    expect(refused).toMatchObject({ kind: 'refused', reason: expect.stringMatching(/last digit/) });
  });

  test('without an address to lead back to, nothing is begun', async () => {
    const before = stripe.asked.length;
    expect(await provider.createPayment(request({ returnUrl: null }))).toMatchObject({ kind: 'refused' });
    expect(stripe.asked).toHaveLength(before);
  });

  test('a payment whose answer was lost is found by nobody: no shopper has its page', async () => {
    const { paymentId } = await begun();
    const lost = { paymentId, providerId: null };
    expect([await provider.findPayment(lost), await provider.endPayment(lost)]).toEqual([null, null]);
    expect(await provider.createRefund({ ...refundOf(await begun()), payment: lost })).toMatchObject({
      kind: 'refused',
    });
  });

  test('ended, it can be paid no more, and says so each time; what was paid before is paid', async () => {
    const open = await begun();
    const ended = { state: 'failed', declined: 'timed_out', next: { kind: 'none' } };
    expect(await provider.endPayment(open)).toMatchObject(ended);
    expect(await provider.endPayment(open)).toMatchObject(ended);
    expect(events()).toEqual([expect.objectContaining({ kind: 'payment', payment: expect.objectContaining(ended) })]);
    expect(await provider.endPayment(await paid())).toMatchObject({ state: 'succeeded', declined: null });
  });

  test.each([
    [{ code: 'card_declined', decline_code: 'insufficient_funds' }, 'insufficient_funds'],
    [{ code: 'expired_card', decline_code: 'expired_card' }, 'card_expired'],
    [{ code: 'card_declined', decline_code: 'authentication_required' }, 'not_authenticated'],
    [{ code: 'payment_intent_authentication_failure' }, 'not_authenticated'],
    [{ code: 'card_declined', decline_code: 'do_not_honor' }, 'card_declined'],
    [{ code: 'incorrect_cvc' }, 'card_declined'],
  ])(
    'a card that is declined (%o) leaves the page open; once that has ended, the reason is %s',
    async (codes, declined) => {
      const payment = await begun();
      stripe.declineCard(payment.providerId, codes);
      expect(await provider.findPayment(payment)).toMatchObject({
        state: 'pending',
        next: payment.next,
        declined: null,
      });
      expect(await provider.endPayment(payment)).toMatchObject({
        state: 'failed',
        declined,
        reason: expect.stringContaining(codes.code),
      });
    },
  );

  test('money that comes days later is pending until the bank has paid, or has not', async () => {
    const [one, other] = [await begun(), await begun()];
    for (const { providerId } of [one, other]) stripe.payLater(providerId);
    expect(await provider.endPayment(one)).toMatchObject({ state: 'pending', next: { kind: 'none' } });
    stripe.endLater(one.providerId, true);
    stripe.endLater(other.providerId, false);
    expect(events().map((event) => (event.kind === 'payment' ? event.payment.state : event.kind))).toEqual([
      ...['pending', 'pending', 'succeeded', 'failed'],
    ]);
    expect(await provider.findPayment(one)).toMatchObject({ state: 'succeeded' });
    expect(await provider.findPayment(other)).toMatchObject({ state: 'failed', declined: 'other' });
  });

  test('a refund that Stripe holds already is found again after its key is forgotten; one by hand is refused with the words', async () => {
    const refund = refundOf(await paid());
    const first = await provider.createRefund(refund);
    stripe.forgetKeys();
    expect(await provider.createRefund(refund)).toEqual(first);

    const other = await paid();
    stripe.refundByHand(other.providerId);
    expect(await provider.createRefund(refundOf(other))).toEqual({
      kind: 'refused',
      reason: expect.stringContaining('charge_already_refunded'),
    });
  });

  test('a refund under way is asked for again until it is through; one that failed is refused', async () => {
    stripe.refundsAre('pending');
    const refund = refundOf(await paid());
    const pending = await provider.createRefund(refund);
    if (pending.kind !== 'refund') throw new Error(pending.reason);
    expect(pending.refund.state).toBe('pending');
    stripe.endRefund(pending.refund.providerId, 'succeeded');
    expect(await provider.createRefund(refund)).toMatchObject({ refund: { state: 'succeeded' } });

    stripe.refundsAre('failed');
    stripe.webhooks();
    expect(await provider.createRefund(refundOf(await paid()))).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining('expired_or_canceled_card'),
    });
    expect(events().map(({ kind }) => kind)).toEqual(['payment', 'refund_failed', 'refund_failed']);
  });

  test('what is not of this shop is passed over; what is, and cannot be read, is told', async () => {
    const payment = await paid();
    const [call] = stripe.webhooks();
    const event = JSON.parse(call?.body ?? '') as { data: { object: Record<string, unknown> } }; // of the stand-in
    const told = (change: Record<string, unknown>, type = 'checkout.session.completed') => {
      const object = { ...event.data.object, ...change };
      const signed = stripe.sign(JSON.stringify({ ...event, type, data: { object } }));
      const verdict = provider.readEvent({ ...signed, nowMs: Date.now() });
      return verdict.kind === 'event' ? verdict.event.kind : verdict.kind;
    };
    expect(told({})).toBe('payment');
    expect([told({ metadata: {} }), told({ metadata: null }), told({}, 'payment_intent.created')]).toEqual([
      ...['other', 'other', 'other'],
    ]);
    for (const wrong of [{ id: 'cs\u0000' }, { status: 'disputed' }, { amount_total: '1999' }, { currency: 'ugx' }]) {
      expect([wrong, told(wrong)]).toEqual([wrong, 'unreadable']);
    }
    stripe.refundByHand(payment.providerId);
    expect(events().map(({ kind }) => kind)).toEqual(['other']);
  });

  test('a webhook may be signed with any secret of the setting, and is genuine for five minutes', () => {
    const body = '{"id":"evt_1","type":"account.updated","data":{"object":{}}}';
    const why = (call: { headers: Headers; body: string }, afterMs = 0) => {
      const verdict = provider.readEvent({ ...call, nowMs: Date.now() + afterMs });
      return verdict.kind === 'event' ? verdict.event.kind : verdict.why;
    };
    const next = stripe.sign(body, 'whsec_that_takes_its_place_next');
    expect([why(next), why(next, 290_000), why(next, 310_000)]).toEqual(['other', 'other', 'timestamp']);
    expect(why(stripe.sign(body, 'whsec_of_somebody_else'))).toBe('signature');
    expect(why({ headers: new Headers({ 'stripe-signature': 'nonsense' }), body })).toBe('signature');
    expect(why({ headers: new Headers(), body })).toBe('headers');
  });

  test('nothing is sent twice, and nothing of this machine is told', async () => {
    stripe.away(true);
    const before = stripe.asked.length;
    try {
      await expect(provider.createPayment(request())).rejects.toBeInstanceOf(ProviderFault);
    } finally {
      stripe.away(false);
    }
    expect(stripe.asked).toHaveLength(before + 1);
    const headers = stripe.asked.at(-1)?.headers ?? {};
    expect(headers).not.toHaveProperty('x-stripe-client-telemetry');
    expect(String(headers['x-stripe-client-user-agent'])).not.toMatch(/platform|telemetry_id/);
    expect(headers['stripe-version']).toBe('2026-10-28.endive');
  });
});

describe('an answer that is none of Stripe’s', () => {
  async function faultOf(answer: RequestListener, signal?: AbortSignal): Promise<string> {
    const server = createServer(answer).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo; // a TCP server's
    const apiUrl = new URL(`http://127.0.0.1:${port}`);
    const provider = createStripeProvider({ secretKey: 'sk_test_of_a_test', secrets: [], apiUrl, now: Date.now });
    onTestFinished(async () => {
      await provider.close();
      server.closeAllConnections();
      server.close();
    });
    const found = provider.findPayment({ paymentId: newPaymentId(Date.now()), providerId: 'cs_test_1' }, signal);
    const fault: unknown = await found.catch((error: unknown) => error);
    if (!(fault instanceof ProviderFault)) throw new Error(`it is no fault: ${JSON.stringify(fault)}`);
    return `${fault.kind}, ${fault.retryAfterSeconds}: ${fault.message}`;
  }

  test('is read up to 256 KiB, leads nowhere else, and says nothing about the payment', async () => {
    const asked: string[] = [];
    expect(await faultOf((_, response) => response.end('x'.repeat(300_000)))).toMatch(/^unknown, null: .*exceeded/i);
    const redirect: RequestListener = ({ url = '', headers }, response) => {
      asked.push(url);
      response.writeHead(307, { location: `http://${headers.host}/elsewhere` }).end('{}');
    };
    expect(await faultOf(redirect)).toMatch(/^unavailable, null: .*answered 307/);
    expect(asked).toEqual([expect.not.stringContaining('elsewhere')]);
    expect(await faultOf((_, response) => response.end('<html>'))).toMatch(/^unknown, null/);
    expect(await faultOf((_, response) => response.end('{"object":"account"}'))).toMatch(/^unknown, null/);
  });

  test.each([
    [401, '', 'unavailable, null'],
    [409, '', 'unavailable, null'],
    [429, '2', 'unavailable, 2'],
    [429, '1e9', 'unavailable, 3600'],
    [500, '', 'unknown, null'],
    [503, 'soon', 'unknown, null'],
  ])('%i, to be asked again after "%s", is a fault: %s', async (status, retryAfter, fault) => {
    const body = '{"error":{"type":"api_error","message":"no"}}';
    const headers = retryAfter === '' ? {} : { 'retry-after': retryAfter };
    expect(await faultOf((_, response) => response.writeHead(status, headers).end(body))).toMatch(
      new RegExp(`^${fault}: `),
    );
  });

  test('is waited for as long as the caller waits', async () => {
    const caller = new AbortController();
    expect(await faultOf(() => caller.abort(), caller.signal)).toMatch(/^unknown, null: .*abort/i);
  });
});
