import { randomBytes } from 'node:crypto';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { handOverKeySetSchema, parseHandOverKeys } from '#contract/hand-over-keys.ts';
import { newOrderId } from '#contract/order.ts';
import { paymentAnswerSchema } from '#contract/payment.ts';
import { inThisOrder } from '#lab/kits/hold-row.ts';
import { handOverIssuer, shopSecrets, startPaymentDesk } from '#lab/kits/payment-desk.ts';
import { newWebhookSecret, parseWebhookSecrets, signWebhook } from '#runtime/standard-webhooks.ts';
import { auditMoney, createMoneyBooks } from '../audit/money.ts';
import { forgetPerson } from '../details/forget-person.ts';

vi.setConfig({ testTimeout: 120_000, expect: { poll: { timeout: 45_000 } } });

const personalKeys = [{ id: 'p1', key: randomBytes(32) }];
const desk = await startPaymentDesk({ personalKeys });
const { pool, stateOf, eventsOf, sandbox } = desk;
const url = 'https://shop.example/checkout/{orderId}?from=sale';
let saleId = '';
let orderId = '';

afterAll(() => desk.close());
beforeEach(async () => {
  saleId = await desk.openSale(1, { checkout: { mode: 'shop', url } });
  orderId = await desk.bought(saleId);
});

type Word = 'paid' | 'cancelled' | 'refunded' | 'details';
type Call = { order?: string; path?: string; data?: object; secret?: string; ageMs?: number; body?: string };

/** A call of the shop's server, as a genuine one unless `changes` say else. */
async function say(word: Word, changes: Call = {}) {
  const {
    order = orderId,
    path = `/api/hand-over/orders/${order}/${word}`,
    secret = shopSecrets[0],
    ageMs = 0,
  } = changes;
  const nowMs = Date.now() - ageMs;
  const data = { orderId: order, amount: 100, currency: 'CNY', reference: 'ch_1', ...changes.data };
  const body =
    changes.body ?? JSON.stringify({ type: `order.${word}`, timestamp: new Date(nowMs).toISOString(), data });
  return post(path, body, signWebhook({ id: crypto.randomUUID(), body, nowMs }, parseWebhookSecrets(secret)));
}
async function post(path: string, body: string, headers: Record<string, string>) {
  const answer = await desk.request(path, { method: 'POST', body, headers });
  return { status: answer.status, text: await answer.text(), kept: answer.headers.get('cache-control') };
}
const refused = (status: number, code: string, detail: RegExp | string) => ({
  status,
  kept: expect.anything(),
  text: expect.stringMatching(new RegExp(`"code":"${code}".*${detail instanceof RegExp ? detail.source : detail}`)),
});
const free = async () => (await desk.stock.sale(saleId))?.free;
const paymentsOf = async (id = orderId) =>
  (await pool.query('SELECT state, taken_by, provider_id, amount FROM payments WHERE order_id = $1', [id])).rows;
const inTheBooks = async () => auditMoney(await createMoneyBooks(pool)(saleId));
const cancelHere = () => desk.cancel(orderId);
const expire = () => desk.expire(orderId);

describe('the way to the checkout', () => {
  test('is a redirect with a token that the served keys prove: for this shop alone, of this order, until it must be paid', async () => {
    const { status, body } = await desk.pay(orderId);
    expect(status).toBe(201);
    const answer = paymentAnswerSchema.parse(body);
    expect(answer).toMatchObject({ paymentId: null, orderId, state: 'pending', amount: 100, currency: 'CNY' });
    const to = new URL(answer.next.kind === 'redirect' ? answer.next.url : '');
    const token = to.searchParams.get('token') ?? '';
    to.searchParams.delete('token');
    expect(to.href).toBe(`https://shop.example/checkout/${orderId}?from=sale`);

    const served = await desk.request('/api/hand-over/keys', {});
    expect(served.headers.get('cache-control')).toBe('public, max-age=600');
    const keys = handOverKeySetSchema.parse(await served.json());
    expect(keys.keys).toHaveLength(2); // the one that signs, and the one that was or will be
    const rules = { issuer: handOverIssuer, audience: 'https://shop.example', algorithms: ['ES256'] };
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(keys), rules);
    expect(protectedHeader.kid).toBe(keys.keys[0]?.kid);
    const { payBy } = answer;
    const money = { amount: 100, currency: 'CNY' };
    expect(payload).toMatchObject({ sub: 'u', order: orderId, sale: saleId, quantity: 1, amount: money, payBy });
    expect(Number(payload.exp) - Number(payload.iat)).toBe(600);
    const again = paymentAnswerSchema.parse((await desk.pay(orderId)).body);
    expect(again.next).not.toEqual(answer.next); // a jti of its own
    expect(await paymentsOf()).toEqual([]);
    expect((await sandbox.books(orderId)).payments).toEqual([]);
  });

  test('lives no longer than the time to pay, and is refused after it, after the end, and to others', async () => {
    await pool.query("UPDATE orders SET pay_by = now() + interval '100 seconds' WHERE id = $1", [orderId]);
    const { next, payBy } = paymentAnswerSchema.parse((await desk.pay(orderId)).body);
    const token = new URL(next.kind === 'redirect' ? next.url : '').searchParams.get('token') ?? '';
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    expect(claims.exp).toBe(Math.floor(Date.parse(payBy) / 1000));
    expect(await desk.pay(orderId, 'somebody else')).toMatchObject({ status: 403 });
    await pool.query("UPDATE orders SET pay_by = now() - interval '1 second' WHERE id = $1", [orderId]);
    expect(await desk.pay(orderId)).toMatchObject({ status: 409, body: { detail: 'its time to pay is over' } });
    await cancelHere();
    expect(await desk.pay(orderId)).toMatchObject({ status: 409, body: { detail: 'it was cancelled' } });
  });
});

describe('paid', () => {
  test('makes the order paid, with the money in the books as the shop’s; the same again is the same answer', async () => {
    const first = await say('paid');
    expect(first.status).toBe(200);
    expect(JSON.parse(first.text)).toEqual({ orderId, recorded: 'paid', reference: 'ch_1', at: expect.any(String) });
    expect(await stateOf(orderId)).toBe('paid');
    expect(await eventsOf(orderId)).toEqual(['order.created', 'order.paid']);
    const payment = { state: 'succeeded', taken_by: 'shop', provider_id: 'ch_1', amount: 100 };
    expect(await paymentsOf()).toEqual([payment]);
    await expect.poll(async () => (await desk.stock.shown(orderId))?.state).toBe('paid');
    // As after a crash between commit and answer: the shop asks again. Also when the order has gone further.
    expect(await say('paid', { secret: shopSecrets[1] })).toEqual(first);
    await say('refunded');
    expect(await say('paid')).toEqual(first);
    expect(await paymentsOf()).toEqual([payment]);
  });

  test('ten times at once is one payment, and ten times the same answer', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => say('paid')));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers[0]?.status).toBe(200);
    expect(await paymentsOf()).toHaveLength(1);
  });

  test('by a second payment is too late: its money goes back', async () => {
    await say('paid');
    const second = await say('paid', { data: { reference: 'ch_2' } });
    expect(second).toEqual(refused(409, 'ORDER_STATE', 'it was paid before, by ch_1: give this money back'));
    expect(await paymentsOf()).toHaveLength(1);
  });

  test('against expiry and against the shopper’s cancel: the first at the row wins, and money that is late is not taken', async () => {
    const paid = () => say('paid');
    const [first, expired] = await inThisOrder(pool, orderId, [paid, expire]);
    expect(first).toMatchObject({ status: 200 });
    expect(expired).toEqual([]);
    expect(await stateOf(orderId)).toBe('paid');
    for (const [end, became] of [
      [expire, 'expired'],
      [cancelHere, 'was cancelled'],
    ] as const) {
      saleId = await desk.openSale(1, { checkout: { mode: 'shop', url } });
      orderId = await desk.bought(saleId);
      const [, late] = await inThisOrder(pool, orderId, [end, paid]);
      const detail = new RegExp(`too late: the order ${became} at 20[0-9T:.-]+Z: give the money back`);
      expect(late).toEqual(refused(409, 'ORDER_STATE', detail));
      expect(await paymentsOf()).toEqual([]);
      await expect.poll(free).toBe(1);
    }
  });
});

describe('cancelled', () => {
  test('ends an order that was not paid, and its item is on sale again; also after the shopper has cancelled', async () => {
    const first = await say('cancelled');
    expect(JSON.parse(first.text)).toEqual({ orderId, recorded: 'cancelled', reference: null, at: expect.any(String) });
    expect(await eventsOf(orderId)).toEqual(['order.created', 'order.cancelled']);
    await expect.poll(free).toBe(1);
    expect(await say('cancelled')).toEqual(first);
    expect(await cancelHere()).toMatchObject({ status: 200 });
  });

  test('of an order that is paid or has expired is refused, each by its own words', async () => {
    await say('paid');
    expect(await say('cancelled')).toEqual(
      refused(409, 'ORDER_STATE', /it was paid at .*: give the money back and call refunded/),
    );
    expect(await stateOf(orderId)).toBe('paid');
    orderId = await desk.bought(await desk.openSale(1, { checkout: { mode: 'shop', url } }));
    await expire();
    expect(await say('cancelled')).toEqual(
      refused(409, 'ORDER_STATE', /the order expired at .*: there is nothing to cancel/),
    );
  });
});

describe('refunded', () => {
  test('takes a paid order back in one step, both events in order, and the item is on sale again', async () => {
    await say('paid');
    expect((await inTheBooks()).sums).toMatchObject({
      taken: 0,
      kept: 0,
      atTheShop: { taken: 100, kept: 100, back: 0 },
    });
    const first = await say('refunded');
    expect(JSON.parse(first.text)).toEqual({
      orderId,
      recorded: 'refunded',
      reference: 'ch_1',
      at: expect.any(String),
    });
    expect(await eventsOf(orderId)).toEqual(['order.created', 'order.paid', 'order.refunding', 'order.refunded']);
    await expect.poll(free).toBe(1);
    expect(await say('refunded')).toEqual(first);
    const { sums, findings } = await inTheBooks();
    expect(findings).toEqual([]);
    expect(sums).toEqual({ taken: 0, kept: 0, goingBack: 0, back: 0, atTheShop: { taken: 100, kept: 0, back: 100 } });
    expect((await sandbox.books(orderId)).refunds).toEqual([]); // nobody asked a provider for it
  });

  test('of what was not paid, or was paid by another payment, moves nothing', async () => {
    expect(await say('refunded')).toEqual(refused(409, 'ORDER_STATE', 'no payment of it is on record: call cancelled'));
    await say('paid');
    const other = await say('refunded', { data: { reference: 'ch_2' } });
    expect(other).toEqual(refused(409, 'ORDER_STATE', 'it was paid by ch_1: no payment ch_2 is on record'));
    expect(await stateOf(orderId)).toBe('paid');
  });

  test('is the shop’s to do: a shopper who asks here is sent there, and no provider is asked', async () => {
    await say('paid');
    expect(await desk.refund(orderId)).toMatchObject({
      status: 409,
      body: { code: 'ORDER_STATE', detail: expect.stringContaining('ask the shop') },
    });
    expect(await stateOf(orderId)).toBe('paid');
    expect(await cancelHere()).toMatchObject({ status: 409 });
  });
});

describe('details', () => {
  const details = {
    name: '张 <b>三</b>',
    email: 'zhang@shop.example',
    phone: '+8613800138000',
    address: { lines: ['人民路 1 号'], city: '上海', postalCode: '200001', country: 'CN' },
  };
  beforeEach(async () => {
    const collect = ['name', 'email', 'phone', 'address'] as const;
    saleId = await desk.openSale(1, { checkout: { mode: 'shop', url }, collect: [...collect] });
    orderId = await desk.bought(saleId);
  });
  const told = (given: object | null) => ({
    status: 200,
    text: JSON.stringify({ orderId, details: given }),
    kept: 'private, no-store',
  });

  test('tell the shop contact and address, before it is paid and after, in the last words of the shopper; null before and once erased', async () => {
    expect(await say('details')).toEqual(told(null));
    await desk.giveDetails(orderId, { ...details, name: 'Li Si' });
    await desk.giveDetails(orderId, details);
    expect(await say('details')).toEqual(told(details));
    await say('paid');
    await say('refunded');
    expect(await say('details')).toEqual(told(details));
    await forgetPerson(pool, 'u');
    expect(await say('details')).toEqual(told(null));
  });

  test('tell nothing of an order that ended unpaid, of another shop’s way, to a stranger, or without the key', async () => {
    await desk.giveDetails(orderId, details);
    const stranger = await say('details', { secret: newWebhookSecret() });
    expect(stranger).toEqual(refused(401, 'UNAUTHENTICATED', 'the signature is of none of our secrets'));
    const asPaid = await say('paid', { path: `/api/hand-over/orders/${orderId}/details` });
    expect(asPaid).toEqual(refused(400, 'BAD_REQUEST', 'type must be .*order.details'));
    await pool.query("UPDATE order_details SET key_id = 'gone' WHERE order_id = $1", [orderId]);
    const unopened = await say('details');
    expect(unopened).toEqual(refused(503, 'UNAVAILABLE', ''));
    await say('cancelled');
    const ended = await say('details');
    expect(ended).toEqual(refused(409, 'ORDER_STATE', 'the order is cancelled: there is nothing to ship'));
    for (const { text } of [stranger, asPaid, unopened, ended]) expect(text).not.toMatch(/zhang|上海|1380013/);
  });
});

describe('a call that is not what it should be moves nothing', () => {
  test('not genuine: no signature, a wrong one, an old one, a changed body; and nothing is told of the order', async () => {
    const path = `/api/hand-over/orders/${orderId}/paid`;
    expect(await post(path, '{}', {})).toEqual(refused(400, 'BAD_REQUEST', 'webhook-signature'));
    const wrong = await say('paid', { secret: newWebhookSecret() });
    expect(wrong).toEqual(refused(401, 'UNAUTHENTICATED', 'the signature is of none of our secrets'));
    expect(await say('paid', { order: newOrderId(saleId, 1), secret: newWebhookSecret() })).toEqual(wrong);
    expect(await say('paid', { ageMs: 301_000 })).toEqual(refused(400, 'BAD_REQUEST', 'more than 5 minutes off'));
    expect(await post(path, 'x'.repeat(16 * 1024 + 1), {})).toEqual(refused(413, 'BODY_TOO_LARGE', ''));
    expect(await stateOf(orderId)).toBe('awaiting_payment');
  });

  test('genuine, and of another call, another order, another amount, or no JSON', async () => {
    const other = await desk.bought(await desk.openSale(1, { checkout: { mode: 'shop', url } }));
    const path = `/api/hand-over/orders/${other}/paid`;
    expect(await say('paid', { path })).toEqual(
      refused(400, 'BAD_REQUEST', `the body is of ${orderId}, the path of another`),
    );
    const asPaid = `/api/hand-over/orders/${orderId}/paid`;
    expect(await say('cancelled', { path: asPaid })).toEqual(refused(400, 'BAD_REQUEST', 'type must be .*order.paid'));
    for (const data of [{ amount: 99 }, { currency: 'USD' }])
      expect(await say('paid', { data })).toEqual(
        refused(400, 'BAD_REQUEST', 'the order is of 100 CNY, in minor units'),
      );
    for (const reference of ['', 'x'.repeat(65), 'a b', 'é', undefined])
      expect(await say('paid', { data: { reference } })).toEqual(
        refused(400, 'BAD_REQUEST', /data\.reference must be 1 to 64|reference/),
      );
    for (const body of ['', '[]', '{"type":"order.paid"}', '\u0000'])
      expect(await say('paid', { body })).toMatchObject({ status: 400 });
    expect([await stateOf(orderId), await stateOf(other)]).toEqual(['awaiting_payment', 'awaiting_payment']);
  });

  test('genuine, of an order that is not the shop’s, is unknown, or is not stored yet', async () => {
    const usual = await desk.bought(await desk.openSale(1));
    const here = refused(403, 'FORBIDDEN', 'this order is paid here, not at the shop');
    for (const word of ['paid', 'cancelled', 'refunded', 'details'] as const)
      expect(await say(word, { order: usual })).toEqual(here);
    expect(await stateOf(usual)).toBe('awaiting_payment');
    for (const unknown of ['nonsense', newOrderId(saleId, 1), newOrderId('no-such-sale', 1)])
      expect(await say('paid', { order: unknown })).toEqual(refused(404, 'ORDER_UNKNOWN', ''));
    const queued = newOrderId(saleId, Date.now());
    saleId = await desk.openSale(1, { checkout: { mode: 'shop', url } });
    const waiting = newOrderId(saleId, Date.now());
    await desk.stock.reserve(saleId, { orderId: waiting, userId: 'u', quantity: 1 });
    expect(await say('paid', { order: queued })).toMatchObject({ status: 404 });
    for (const word of ['paid', 'details'] as const)
      expect(await say(word, { order: waiting })).toEqual(refused(503, 'UNAVAILABLE', 'not stored yet'));
  });
});

test('keys that are no PKCS#8 keys of P-256 are refused, and no word of them is repeated', () => {
  for (const text of [
    '',
    'hello',
    '-----BEGIN EC PRIVATE KEY-----\nQUJD\n-----END EC PRIVATE KEY-----',
    '-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----',
  ])
    expect(() => parseHandOverKeys(text)).toThrow(/openssl genpkey/);
});
