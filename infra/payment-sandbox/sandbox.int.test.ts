import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { newPaymentId, newRefundId } from '#contract/payment.ts';
import { startSandbox } from '#lab/kits/payment-sandbox.ts';
import { testProvider } from '#lab/suites/payment-provider.ts';
import { guardProvider } from '#order-worker/money/provider/guard.ts';
import { parseWebhookSecrets, signWebhook } from '#runtime/standard-webhooks.ts';

vi.setConfig({ testTimeout: 120_000, expect: { poll: { timeout: 45_000 } } });

async function underTest(deadlineMs?: number) {
  const sandbox = await startSandbox();
  const { provider, behave, webhooks, secret, close } = sandbox;
  const base = { settleAfterMs: 20 };
  await behave(base);
  return {
    // Guarded, it must be the same provider still. The suite takes it away for a moment: no long rest.
    provider: deadlineMs === undefined ? provider : guardProvider(provider, { deadlineMs, restMs: 50 }),
    webhooks,
    sign: (body: string) => {
      const about = { id: crypto.randomUUID(), body, nowMs: Date.now() };
      return { headers: new Headers(signWebhook(about, parseWebhookSecrets(secret))), body };
    },
    decline: async (isDeclining: boolean) => void (await behave({ ...base, decline: isDeclining ? 1 : 0 })),
    away: async (isAway: boolean) => void (await behave({ ...base, unavailable: isAway ? 1 : 0 })),
    close,
  };
}
testProvider('the sandbox provider over HTTP', () => underTest());
testProvider('the sandbox provider, guarded', () => underTest(10_000));

describe('told to misbehave, the sandbox', () => {
  let sandbox: Awaited<ReturnType<typeof startSandbox>>;
  const started = startSandbox();
  beforeEach(async () => {
    sandbox = await started;
    await sandbox.behave({ settleAfterMs: 10 });
    sandbox.webhooks();
  });
  afterAll(async () => (await started).close());

  const request = (amount = 500) => ({
    paymentId: newPaymentId(Date.now()),
    orderId: 'an-order',
    amount,
    currency: 'CNY',
    expiresAtMs: Date.now() + 60_000,
    title: 'Autumn phone',
    returnUrl: null,
  });
  const at = ({ paymentId }: { paymentId: string }) => ({ paymentId, providerId: null });
  const stateOf = async (paymentId: string) => (await sandbox.provider.findPayment(at({ paymentId })))?.state;
  /** What came since this was asked last about these payments: those of a test before may come late. */
  const webhooksOf = (...payments: { paymentId: string }[]) =>
    sandbox.webhooks().filter(({ body }) => payments.some(({ paymentId }) => body.includes(paymentId)));

  test('is slow, hangs, or loses its answer after the deed; the same id finds what was done', async () => {
    const hasty = guardProvider(sandbox.provider, { deadlineMs: 1000 });
    const guarded = guardProvider(sandbox.provider, { deadlineMs: 20_000 });
    await sandbox.behave({ settleAfterMs: 10, hang: 1 });
    const hung = request();
    await expect(hasty.createPayment(hung)).rejects.toMatchObject({ kind: 'unknown' });
    await sandbox.behave({ settleAfterMs: 10, answerLost: 1 });
    const lost = request();
    await expect(guarded.createPayment(lost)).rejects.toMatchObject({ kind: 'unknown' });
    await sandbox.behave({ settleAfterMs: 10, slow: 1, slowMs: 100 });
    const startedAt = performance.now();
    expect((await guarded.createPayment(request())).kind).toBe('payment');
    expect(performance.now() - startedAt).toBeGreaterThan(95);
    expect(await guarded.findPayment(at(hung))).toBeNull();
    expect((await guarded.findPayment(at(lost)))?.paymentId).toBe(lost.paymentId);
  });

  test('never sends a webhook, or the same one many times; the payment itself stands', async () => {
    await sandbox.behave({ settleAfterMs: 10, webhookLost: 1 });
    const silent = request();
    await sandbox.provider.createPayment(silent);
    await expect.poll(() => stateOf(silent.paymentId)).toBe('succeeded');
    await sandbox.behave({ settleAfterMs: 10, webhookRepeated: 1, webhookTimes: 7 });
    const repeated = request();
    await sandbox.provider.createPayment(repeated);
    const ids: (string | null)[] = [];
    const heard = () => ids.push(...webhooksOf(repeated).map(({ headers }) => headers.get('webhook-id')));
    await expect.poll(heard).toBe(14); // created and succeeded, seven times each
    expect(new Set(ids).size).toBe(2);
  });

  test('lets a later webhook overtake an earlier one', async () => {
    await sandbox.behave({ settleAfterMs: 0, webhookLate: 1, webhookLateMs: 300 });
    const payments = Array.from({ length: 12 }, () => request());
    for (const payment of payments) await sandbox.provider.createPayment(payment);
    const types: string[] = [];
    await expect
      .poll(() => types.push(...webhooksOf(...payments).map(({ body }) => String(JSON.parse(body).type))))
      .toBe(24);
    const sorted = types.toSorted();
    expect(types).not.toEqual(sorted);
    expect(sorted.filter((type) => type === 'payment.succeeded')).toHaveLength(12);
  });

  test('does so for the payments of a rule only', async () => {
    const rules = [{ amount: 13, behaviour: { decline: 1 } }];
    await sandbox.behave({ settleAfterMs: 10, rules });
    const [unlucky, lucky] = [request(13), request(14)];
    await sandbox.provider.createPayment(unlucky);
    await sandbox.provider.createPayment(lucky);
    await expect.poll(() => stateOf(unlucky.paymentId)).toBe('failed');
    await expect.poll(() => stateOf(lucky.paymentId)).toBe('succeeded');
  });

  test('lets a payment linger until somebody settles it, or its time is over', async () => {
    await sandbox.behave({ linger: 1 });
    const late = request();
    await sandbox.provider.createPayment(late);
    const never = { ...request(), expiresAtMs: Date.now() + 4000 }; // it has to be there before that
    expect(await sandbox.provider.createPayment(never)).toMatchObject({ kind: 'payment' });
    await expect.poll(() => sandbox.provider.findPayment(at(never))).toMatchObject({ reason: 'expired' });
    expect(await stateOf(late.paymentId)).toBe('pending');
    await sandbox.settle(late.paymentId, 'succeeded');
    expect(await stateOf(late.paymentId)).toBe('succeeded');
  });

  test('a payment that is ended can be paid no more; one that cannot be ended can', async () => {
    await sandbox.behave({ linger: 1 });
    const [open, paid, stubborn] = [request(), request(), request()];
    for (const payment of [open, paid, stubborn]) await sandbox.provider.createPayment(payment);
    const end = (payment: { paymentId: string }) => sandbox.provider.endPayment(at(payment));
    const gone = { state: 'failed', declined: 'timed_out' };
    expect(await end(open)).toMatchObject(gone);
    expect(await end(open)).toMatchObject(gone);
    expect(await sandbox.settle(open.paymentId, 'succeeded')).toMatchObject({ state: 'failed' });
    await sandbox.settle(paid.paymentId, 'succeeded');
    expect(await end(paid)).toMatchObject({ state: 'succeeded' });
    await sandbox.behave({ unendable: 1 });
    expect(await end(stubborn)).toMatchObject({ state: 'pending' });
    expect(await end(request())).toBeNull();
  });

  test('has a page on which the shopper pays, declines with a reason or leaves, and which leads back; a stranger gets none', async () => {
    const returnUrl = 'https://shop.example/orders/1?from=payment';
    const title = '<img src=x> & "tea"';
    const acted: [act: string, interaction: 'redirect' | 'qr', object][] = [
      ['pay', 'redirect', { state: 'succeeded', declined: null }],
      ['insufficient_funds', 'qr', { state: 'failed', declined: 'insufficient_funds' }],
      ['leave', 'redirect', { state: 'pending' }],
      ['something else', 'qr', { state: 'pending' }],
    ];
    for (const [act, interaction, becomes] of acted) {
      await sandbox.behave({ rules: [{ orderStartsWith: 'an-', behaviour: { interaction } }] });
      const wanted = { ...request(), title, returnUrl };
      const answer = await sandbox.provider.createPayment(wanted);
      if (answer.kind !== 'payment') throw new Error(answer.reason);
      const { next } = answer.payment;
      expect(next.kind).toBe(interaction);
      const url = next.kind === 'redirect' ? next.url : next.kind === 'qr' ? next.text : '';
      expect(url).toMatch(new RegExp(`^${sandbox.url}/pay/[\\w-]{32}$`));
      const page = await fetch(url);
      const policy = page.headers.get('content-security-policy');
      expect(policy).toMatch(
        /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self' https:\/\/shop.example;/,
      );
      const text = await page.text();
      expect([text.includes('&lt;img src=x&gt; &amp; &quot;tea&quot;'), text.includes('5.00 CNY')]).toEqual([
        true,
        true,
      ]);
      const said = await fetch(url, { method: 'POST', body: new URLSearchParams({ act }), redirect: 'manual' });
      const isAct = act !== 'something else';
      expect([said.status, said.headers.get('location')]).toEqual(isAct ? [303, returnUrl] : [200, null]);
      expect(await sandbox.provider.findPayment(at(wanted))).toMatchObject(becomes);
    }
    expect((await fetch(`${sandbox.url}/pay/${'x'.repeat(32)}`)).status).toBe(404);
  });

  test('a kill forgets no money, no behaviour and no webhook', async () => {
    const wanted = request(77);
    await sandbox.behave({ settleAfterMs: 700, rules: [{ amount: 1, behaviour: { decline: 1 } }] });
    await sandbox.provider.createPayment(wanted);
    await sandbox.kill();
    await sandbox.restart();
    await expect.poll(() => stateOf(wanted.paymentId)).toBe('succeeded');
    await expect.poll(() => webhooksOf(wanted).some(({ body }) => body.includes('payment.succeeded'))).toBe(true);
    const { amount, currency } = wanted;
    const refund = { refundId: newRefundId(Date.now()), payment: at(wanted), amount, currency };
    await sandbox.provider.createRefund(refund);
    await sandbox.kill();
    await sandbox.restart();
    await expect.poll(() => sandbox.provider.createRefund(refund)).toMatchObject({ refund: { state: 'succeeded' } });
    const { taken, returned } = await sandbox.books('an-order');
    expect(taken - returned).toBeGreaterThan(0);
  });

  test('says what is wrong with an order to misbehave, and a stranger gets nothing', async () => {
    await expect(sandbox.behave({ decline: 2 })).rejects.toThrow(/decline: must be 0 to 1/);
    const misspelled: object = { declines: 1 };
    await expect(sandbox.behave(misspelled)).rejects.toThrow(/declines/);
    const headers = { Authorization: `Bearer ${sandbox.apiKey}`, 'Content-Type': 'application/json' };
    const twice = { method: 'PUT', headers, body: '{"decline": 1,\n"decline": 0}' };
    const told = await fetch(`${sandbox.url}/sandbox/behaviour`, twice);
    expect([told.status, await told.text()]).toEqual([
      422,
      expect.stringContaining('the body has \\"decline\\" twice, in line 1 and in line 2'),
    ]);
    expect((await fetch(`${sandbox.url}/sandbox/books`)).status).toBe(401);
  });
});
