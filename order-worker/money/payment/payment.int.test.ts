import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { newOrderId } from '#contract/order.ts';
import { newPaymentId } from '#contract/payment.ts';
import { shadowSalePrefix } from '#contract/shadow-sale.ts';
import { startPaymentDesk } from '#lab/kits/payment-desk.ts';
import { parseWebhookSecrets, signWebhook } from '#runtime/standard-webhooks.ts';

vi.setConfig({ testTimeout: 120_000, expect: { poll: { timeout: 45_000 } } });

const desk = await startPaymentDesk();
const { sandbox, pay, stateOf, eventsOf, paymentOf } = desk;
let saleId = '';
let orderId = '';

afterAll(() => desk.close());
beforeEach(async () => {
  await sandbox.behave({ settleAfterMs: 20 });
  saleId = await desk.openSale();
  orderId = await desk.bought(saleId);
});

describe('paying an order', () => {
  test('answers with a payment, and the provider’s webhook makes the order paid', async () => {
    await sandbox.behave({ linger: 1 }); // it is pending when we look, however late that is
    const { status, body } = await pay(orderId);
    expect({ status, body }).toMatchObject({
      status: 201,
      body: { orderId, state: 'pending', amount: 100, currency: 'CNY', reason: null },
    });
    await sandbox.settle(String(body.paymentId), 'succeeded');
    await expect.poll(() => stateOf(orderId)).toBe('paid');
    expect(await eventsOf(orderId)).toEqual(['order.created', 'order.paid']);
    expect(await paymentOf(body.paymentId)).toEqual({ state: 'succeeded', reason: null });
  });

  test('a second press, and twenty at once, are the same payment: nobody is charged twice', async () => {
    await sandbox.behave({ linger: 1 });
    const payments = await Promise.all(Array.from({ length: 20 }, () => desk.begin(orderId)));
    expect(new Set(payments).size).toBe(1);
    await sandbox.settle(payments[0] ?? '', 'succeeded');
    await expect.poll(() => stateOf(orderId)).toBe('paid');
    expect((await sandbox.books(orderId)).payments).toHaveLength(1);
  });

  test('is the owner’s alone, and only of an order that is there', async () => {
    expect(await pay(orderId, null)).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
    expect(await pay(orderId, 'somebody else')).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    for (const unknown of ['nonsense', newOrderId(saleId, Date.now())]) {
      expect(await pay(unknown)).toMatchObject({ status: 404, body: { code: 'ORDER_UNKNOWN' } });
    }
    const queued = newOrderId(saleId, Date.now());
    await desk.stock.reserve(saleId, { orderId: queued, userId: 'u', quantity: 1 });
    expect(await pay(queued)).toMatchObject({ status: 409, retryAfter: '1', body: { code: 'ORDER_STATE' } });
    expect(await pay(queued, 'somebody else')).toMatchObject({ status: 403 });
    expect((await sandbox.books(saleId)).payments).toEqual([]);
  });

  test('after its end is refused with what it is, and the provider is not asked', async () => {
    const refused = (detail: string) => ({ status: 409, body: { code: 'ORDER_STATE', detail } });
    await desk.pool.query("UPDATE orders SET pay_by = now() - interval '1 second' WHERE id = $1", [orderId]);
    expect(await pay(orderId)).toMatchObject(refused('its time to pay is over'));
    await desk.expire(orderId);
    expect(await pay(orderId)).toMatchObject(refused('its time to pay is over'));
    const cancelled = await desk.bought(saleId);
    await desk.cancel(cancelled);
    expect(await pay(cancelled)).toMatchObject(refused('it was cancelled'));
    const paid = await desk.bought(saleId);
    await desk.begin(paid);
    await expect.poll(() => stateOf(paid)).toBe('paid');
    expect(await pay(paid)).toMatchObject(refused('it is paid: ask for a refund instead'));
    expect((await sandbox.books(saleId)).payments).toHaveLength(1);
  });

  test('of a shadow sale is refused, and the provider is not asked: a rehearsal charges nobody', async () => {
    const shadow = await desk.openSale(5, { saleId: `${shadowSalePrefix}${crypto.randomUUID().slice(0, 8)}` });
    const rehearsed = await desk.bought(shadow);
    const detail = 'it is of a rehearsal: nobody is charged for it';
    expect(await pay(rehearsed)).toMatchObject({ status: 409, body: { code: 'ORDER_STATE', detail } });
    expect((await sandbox.books(shadow)).payments).toEqual([]);
  });

  test('while the provider is away says so and loses nothing: the next press continues the same payment', async () => {
    await sandbox.behave({ settleAfterMs: 20, unavailable: 1 });
    const away = await pay(orderId);
    expect(away).toMatchObject({ status: 503, retryAfter: '1', body: { code: 'UNAVAILABLE' } });
    await sandbox.behave({ settleAfterMs: 20, answerLost: 1 });
    expect(await pay(orderId)).toMatchObject({ status: 503 });
    await sandbox.behave({ settleAfterMs: 20 });
    // The lost answer was carried out: by now its webhook may have paid the order.
    await expect.poll(() => stateOf(orderId)).toBe('paid');
    expect((await sandbox.books(orderId)).payments).toHaveLength(1);
  });

  test('a provider that hangs costs the shopper its deadline, and the database no connection', async () => {
    await sandbox.behave({ hang: 1 });
    const crowded = await desk.openSale(8);
    const orders = await Promise.all(Array.from({ length: 8 }, () => desk.bought(crowded)));
    let answered = 0;
    const answers = Promise.all(
      orders.map(async (id) => {
        const answer = await pay(id);
        answered += 1;
        return answer;
      }),
    );
    const count = async (sql: string, ...values: unknown[]) => (await desk.pool.query(sql, values)).rows[0]?.n;
    const begun = 'SELECT count(*)::int AS n FROM payments WHERE order_id = ANY($1)';
    await expect.poll(() => count(begun, orders)).toBe(8);
    const inTransaction = `SELECT count(*)::int AS n FROM pg_stat_activity
                            WHERE datname = current_database() AND state LIKE 'idle in transaction%'`;
    await expect.poll(() => count(inTransaction)).toBe(0);
    expect(answered).toBeLessThan(8); // so it was looked at while they waited
    for (const { status, retryAfter } of await answers) expect([status, Number(retryAfter) > 0]).toEqual([503, true]);
    expect(await Promise.all(orders.map(stateOf))).toEqual(orders.map(() => 'awaiting_payment'));
  });

  test('that is declined leaves the order to be paid, and the next press begins a new payment', async () => {
    await sandbox.behave({ settleAfterMs: 20, decline: 1 });
    const first = await desk.begin(orderId);
    await expect.poll(() => paymentOf(first)).toEqual({ state: 'failed', reason: 'declined' });
    expect(await stateOf(orderId)).toBe('awaiting_payment');
    await sandbox.behave({ settleAfterMs: 20 });
    expect(await desk.begin(orderId)).not.toBe(first);
    await expect.poll(() => stateOf(orderId)).toBe('paid');
  });

  test('says again what its shopper does next, until nothing is left to do', async () => {
    for (const interaction of ['redirect', 'qr'] as const) {
      const wanted = await desk.bought(saleId);
      await sandbox.behave({ interaction });
      const { body } = await pay(wanted);
      const page = new RegExp(`^${sandbox.url}/pay/`);
      const next = interaction === 'qr' ? { text: expect.stringMatching(page) } : { url: expect.stringMatching(page) };
      expect(body).toMatchObject({ state: 'pending', next: { kind: interaction, ...next } });
      expect((await pay(wanted)).body.next).toEqual(body.next);
      await sandbox.settle(String(body.paymentId), 'failed');
      await expect.poll(() => paymentOf(body.paymentId)).toMatchObject({ state: 'failed' });
      const { paymentId } = body;
      expect((await pay(wanted, 'u', { paymentId })).body).toMatchObject({ state: 'failed', next: { kind: 'none' } });
    }
  });

  test('a shopper who is back before the webhook is told at once: the provider is asked, once in two seconds', async () => {
    await sandbox.behave({ linger: 1, webhookLost: 1 });
    const paymentId = await desk.begin(orderId);
    await sandbox.settle(paymentId, 'succeeded');
    await desk.pool.query("UPDATE payments SET updated_at = now() + interval '1 hour' WHERE id = $1", [paymentId]);
    expect((await pay(orderId)).body).toMatchObject({ state: 'pending' }); // it was heard of a moment ago
    const age = "UPDATE payments SET updated_at = now() - interval '3 seconds' WHERE id = $1";
    await desk.pool.query(age, [paymentId]);
    await sandbox.behave({ unavailable: 1, webhookLost: 1 });
    expect(await pay(orderId)).toMatchObject({ status: 201, body: { paymentId, state: 'pending' } });
    await sandbox.behave({ webhookLost: 1 });
    await desk.pool.query(age, [paymentId]);
    expect(await pay(orderId)).toMatchObject({ status: 201, body: { paymentId, state: 'succeeded' } });
    expect(await stateOf(orderId)).toBe('paid');
  });

  test('asked for by its id is told of, twice and after the end, too: nothing moves and none is begun', async () => {
    await sandbox.behave({ linger: 1 });
    const paymentId = await desk.begin(orderId);
    await sandbox.settle(paymentId, 'failed');
    await expect.poll(() => paymentOf(paymentId)).toMatchObject({ state: 'failed' });
    const told = { status: 201, body: { paymentId, state: 'failed', declined: 'card_declined' } };
    expect(await pay(orderId, 'u', { paymentId })).toMatchObject(told);
    await desk.cancel(orderId);
    expect(await pay(orderId, 'u', { paymentId })).toMatchObject(told);
    expect(await pay(orderId, null, { paymentId })).toMatchObject({ status: 401 });
    expect(await pay(orderId, 'somebody else', { paymentId })).toMatchObject({ status: 403 });
    const other = await desk.bought(saleId);
    for (const strange of [paymentId, newPaymentId(Date.now()), 'nonsense', 5]) {
      expect(await pay(other, 'u', { paymentId: strange })).toMatchObject({
        status: 400,
        body: { code: 'BAD_REQUEST' },
      });
    }
    expect((await sandbox.books(saleId)).payments).toHaveLength(1);
  });

  test('no shopper is sent to a page that none shall see; it is counted', async () => {
    await sandbox.behave({ linger: 1 });
    const paymentId = await desk.begin(orderId);
    const found = await sandbox.provider.findPayment({ paymentId, providerId: null });
    if (found === null) throw new Error('it is gone');
    for (const url of ['http://evil.example/', 'https://shop:secret@evil.example/', 'javascript:alert(1)']) {
      await desk.takePayment({ ...found, next: { kind: 'redirect', url } });
    }
    expect(await pay(orderId)).toMatchObject({ status: 201, body: { next: { kind: 'none' } } });
    expect(await desk.count('seckill_payment_next_refused_total')).toBe(3);
  });

  test('its shopper is shown how the payment stands: open, declined, open again; nothing of it once the order is paid', async () => {
    const picture = () => desk.stock.shown(orderId);
    await sandbox.behave({ linger: 1 });
    const first = await desk.begin(orderId);
    await expect.poll(picture).toMatchObject({ step: 1, payment: { paymentId: first, state: 'open' } });
    await sandbox.settle(first, 'failed');
    const declined = { paymentId: first, state: 'declined', declined: 'card_declined' };
    await expect.poll(picture).toMatchObject({ step: 2, payment: declined });
    const second = await desk.begin(orderId);
    await expect.poll(picture).toMatchObject({ step: 3, payment: { paymentId: second, state: 'open' } });
    await sandbox.settle(second, 'succeeded');
    await expect.poll(async () => (await picture())?.state).toBe('paid');
    expect((await picture())?.payment).toBeUndefined();
    expect(await eventsOf(orderId)).toEqual(['order.created', 'order.paid']); // subscribers hear of no attempts
  });
});

describe('the webhook', () => {
  const keys = parseWebhookSecrets(sandbox.secret);
  const send = async (body: string, headers: Record<string, string>) => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body };
    const answer = await desk.request('/api/payments/webhook', init);
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }; // our own app's
  };
  const signed = (body: string, at = Date.now(), id: string = crypto.randomUUID()) =>
    send(body, signWebhook({ id, body, nowMs: at }, keys));

  /** An open payment of the order, whose provider tells nothing by itself, and what it would tell. */
  async function open(change: Record<string, unknown> = {}) {
    await sandbox.behave({ linger: 1, webhookLost: 1 });
    const paymentId = await desk.begin(orderId);
    const data = {
      object: 'payment',
      id: 'sbp_1',
      reference: paymentId,
      order: orderId,
      state: 'succeeded',
      amount: 100,
      currency: 'CNY',
      failure: null,
      ...change,
    };
    const event = { type: 'payment.succeeded', timestamp: new Date().toISOString(), data };
    return { paymentId, event: JSON.stringify(event) };
  }
  const nothingMoved = async (paymentId: unknown) => {
    expect(await paymentOf(paymentId)).toMatchObject({ state: 'pending' });
    expect(await stateOf(orderId)).toBe('awaiting_payment');
    expect(await eventsOf(orderId)).toEqual(['order.created']);
  };

  test('with a bad signature, or none, is refused and moves nothing', async () => {
    const { paymentId, event } = await open();
    const headers = signWebhook({ id: 'e', body: event, nowMs: Date.now() }, keys);
    const stranger = parseWebhookSecrets(`whsec_${Buffer.alloc(32, 1).toString('base64')}`);
    for (const [given, status, says] of [
      [{ ...headers, 'webhook-signature': 'v1,AAAA' }, 401, 'signature'],
      [signWebhook({ id: 'e', body: event, nowMs: Date.now() }, stranger), 401, 'signature'],
      [{}, 400, 'the headers that sign it are missing'],
    ] as const) {
      const answer = await send(event, given);
      expect([answer.status, String(answer.body.detail)]).toEqual([status, expect.stringContaining(says)]);
    }
    await nothingMoved(paymentId);
  });

  test('with an old timestamp is refused although its signature is right: a replay moves nothing', async () => {
    const { paymentId, event } = await open();
    for (const minutes of [-6, 6]) {
      const answer = await signed(event, Date.now() + minutes * 60_000);
      expect(answer).toMatchObject({ status: 400, body: { code: 'BAD_REQUEST' } });
    }
    await nothingMoved(paymentId);
  });

  test('that is genuine but of no use here is acknowledged, counted by its kind, and moves nothing', async () => {
    const { paymentId, event } = await open();
    const { data, ...rest } = JSON.parse(event);
    const about = (change: Record<string, unknown>) => JSON.stringify({ ...rest, data: { ...data, ...change } });
    const refund = { object: 'refund', id: 'r', reference: 'ref_x', payment: 'p', state: 'succeeded' };
    const refunded = (change: Record<string, unknown>) =>
      JSON.stringify({ ...rest, type: 'refund.succeeded', data: { ...refund, amount: 1, currency: 'CNY', ...change } });
    const heard: [outcome: string, body: string][] = [
      ['not_ours', about({ reference: newPaymentId(Date.now()) })],
      ['not_ours', about({ reference: 'of another shop, at the same provider' })],
      ['not_ours', refunded({})],
      ['wrong_amount', about({ amount: 99 })],
      ['wrong_amount', about({ currency: 'EUR' })],
      ['passed_over', refunded({ state: 'pending' })],
      ['unreadable', about({ amount: 'many' })],
      ['unreadable', about({ state: 'disputed' })],
      ['unreadable', about({ object: 'payout' })],
      ['unreadable', about({ id: 'sbp\u0000' })],
      ['unreadable', about({ reference: '\u0000' })],
      ...['', '{', '[]', 'null'].map((body): [string, string] => ['unreadable', body]),
    ];
    const before = await desk.webhooksAnswered();
    expect(before).toMatchObject({ not_ours: 0, wrong_amount: 0, unreadable: 0 }); // or an alarm sees no increase
    for (const [outcome, body] of heard) {
      const answer = await signed(body);
      expect([outcome, body, answer.status, answer.body]).toEqual([outcome, body, 200, { received: true }]);
    }
    const after = await desk.webhooksAnswered();
    for (const outcome of ['not_ours', 'wrong_amount', 'passed_over', 'unreadable', 'refused']) {
      const count = heard.filter(([kind]) => kind === outcome).length;
      expect([outcome, (after[outcome] ?? 0) - (before[outcome] ?? 0)]).toEqual([outcome, count]);
    }
    await nothingMoved(paymentId);
    expect((await signed('x'.repeat(100_000))).status).toBe(413);
  });

  test('of an order that has ended is acknowledged, the first time and each time after', async () => {
    const { event } = await open();
    await desk.expire(orderId);
    for (const outcome of ['taken', 'already']) {
      const before = (await desk.webhooksAnswered())[outcome] ?? 0;
      expect((await signed(event)).status).toBe(200);
      expect((await desk.webhooksAnswered())[outcome]).toBe(before + 1);
    }
  });

  test('the same event a hundred times at once, and a hundred events that say the same, move the order once', async () => {
    const { event } = await open();
    const at = Date.now();
    const same = await Promise.all(Array.from({ length: 100 }, () => signed(event, at, 'the-same')));
    const others = await Promise.all(Array.from({ length: 100 }, () => signed(event)));
    expect(new Set([...same, ...others].map(({ status }) => status))).toEqual(new Set([200]));
    expect(await eventsOf(orderId)).toEqual(['order.created', 'order.paid']);
  });

  test('that comes after a newer one changes nothing: succeeded stays, and money after a failure still counts', async () => {
    const { paymentId, event } = await open();
    const failed = event.replace('payment.succeeded', 'payment.failed').replace('"succeeded"', '"failed"');
    expect((await signed(failed)).status).toBe(200);
    expect(await paymentOf(paymentId)).toMatchObject({ state: 'failed' });
    expect((await signed(event)).status).toBe(200);
    expect(await stateOf(orderId)).toBe('paid');
    expect((await signed(failed)).status).toBe(200);
    expect(await paymentOf(paymentId)).toMatchObject({ state: 'succeeded' });
  });

  test('while the database is away is answered 503, so that the provider sends it again', async () => {
    const { event } = await open();
    await desk.pool.query('ALTER TABLE payments RENAME TO payments_away');
    try {
      expect(await signed(event)).toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } });
    } finally {
      await desk.pool.query('ALTER TABLE payments_away RENAME TO payments');
    }
    expect((await signed(event)).status).toBe(200);
    expect(await stateOf(orderId)).toBe('paid');
  });
});
