import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { newPaymentId, newRefundId } from '#contract/payment.ts';
import { signedAnswer, signedNotice } from '#lab/fixtures/alipay-signed.ts';
import { startAlipayGateway } from '#lab/servers/alipay-gateway.ts';
import { testProvider } from '#lab/suites/payment-provider.ts';
import type { PaymentProvider, PaymentRequest, ProviderPayment } from '../provider.ts';
import { createAlipayGateway } from './alipay-gateway.ts';
import { type AlipayWay, createAlipayProvider } from './alipay-provider.ts';
import { loadAlipaySdk } from './load-alipay-sdk.ts';
import { readNotice } from './read-notice.ts';

vi.setConfig({ testTimeout: 60_000, expect: { poll: { timeout: 45_000 } } });

const appId = '2014072300007148';
const app = generateKeyPairSync('rsa', { modulusLength: 2048 });
const returnUrl = 'https://shop.example/orders/1?from=payment';

/** The adapter, Alipay, and the shop's ear for notices, which answers as the webhook route does. */
async function start(way: AlipayWay) {
  const gateway = await startAlipayGateway({ appId, appKey: app.publicKey });
  let heard: { headers: Headers; body: string }[] = [];
  const ear = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const headers = new Headers([['content-type', String(request.headers['content-type'])]]);
    heard.push({ headers, body: Buffer.concat(chunks).toString() });
    response.end(provider.webhookReply?.body);
  }).listen(0, '127.0.0.1');
  await once(ear, 'listening');
  const { port } = ear.address() as AddressInfo; // a TCP server's
  const provider = createAlipayProvider({
    ...{ appId, way, privateKey: app.privateKey, alipayKey: gateway.alipayKey, url: gateway.url },
    notifyUrl: `http://127.0.0.1:${port}/api/payments/webhook`,
  });
  return {
    gateway,
    provider,
    webhooks: () => {
      const taken = heard;
      heard = [];
      return taken;
    },
    sign: (body: string) => ({
      headers: new Headers(),
      body: gateway.signNotice(body === '' ? {} : { notify_id: crypto.randomUUID(), notify_type: 'any', body }),
    }),
    signsBodiesAlone: true,
    shop: async ({ paymentId, next }: ProviderPayment) => {
      if (next.kind === 'qr') gateway.scan(next.text);
      if (next.kind === 'redirect') expect((await fetch(next.url)).status).toBe(200);
      const trade = gateway.trades.find(paymentId);
      if ('tradeNo' in trade) gateway.finish(trade);
    },
    decline: async (value: boolean) => gateway.decline(value),
    away: async (value: boolean) => gateway.away(value),
    close: async () => {
      await provider.close();
      await gateway.close();
      await new Promise((resolve) => ear.close(resolve));
    },
  };
}
testProvider('Alipay, by a code', () => start('qr'));
testProvider('Alipay, by its page', () => start('page'));

async function started(way: AlipayWay = 'qr') {
  const under = await start(way);
  onTestFinished(under.close);
  return under;
}
const request = (changes: Partial<PaymentRequest> = {}): PaymentRequest => ({
  ...{ paymentId: newPaymentId(Date.now()), orderId: 'autumn-1', amount: 1205, currency: 'CNY' },
  ...{ expiresAtMs: Date.now() + 600_000, title: '秋天/手机 & 😀', returnUrl },
  ...changes,
});
async function begin(provider: PaymentProvider, wanted = request()): Promise<ProviderPayment> {
  const outcome = await provider.createPayment(wanted);
  if (outcome.kind !== 'payment') throw new Error(outcome.reason);
  return outcome.payment;
}
const codeOf = ({ next }: ProviderPayment) => (next.kind === 'qr' ? next.text : 'none');
const at = ({ paymentId }: { paymentId: string }) => ({ paymentId, providerId: null });

test('a payment goes to Alipay as a trade with its end, its amount in yuan and a title that Alipay takes', async () => {
  const { provider, gateway } = await started();
  const wanted = request({ expiresAtMs: Date.parse('2126-12-01T01:02:03.999Z') });
  expect(await begin(provider, wanted)).toMatchObject({
    next: { kind: 'qr', text: expect.stringMatching(/^https:\/\/qr\.alipay\.com\//) },
    providerId: wanted.paymentId,
  });
  const soon = request({ expiresAtMs: Date.now() + 5000 });
  await begin(provider, soon);
  const [long, short] = gateway.calls;
  expect(long?.content).toMatchObject({ out_trade_no: wanted.paymentId, total_amount: '12.05', subject: '秋天 手机' });
  expect(long?.parameters.get('notify_url')).toMatch(/\/api\/payments\/webhook$/);
  // A time that Alipay takes: at least a minute from now, at most 15 days.
  const endsInMs = (text: string | undefined) => Date.parse(`${text?.replace(' ', 'T')}+08:00`) - Date.now();
  expect(endsInMs(long?.content.time_expire)).toBeLessThan(15 * 86_400_000);
  expect(endsInMs(short?.content.time_expire)).toBeGreaterThan(30_000);
});

test('another currency than CNY is refused with the reason, and Alipay is not asked', async () => {
  const { provider, gateway } = await started();
  const refused = { kind: 'refused', reason: expect.stringContaining('USD') };
  expect(await provider.createPayment(request({ currency: 'USD' }))).toEqual(refused);
  const refund = { refundId: newRefundId(Date.now()), payment: at(request()), amount: 1, currency: 'USD' };
  expect(await provider.createRefund(refund)).toEqual(refused);
  expect(gateway.calls).toEqual([]);
});

test('a code whose order has ended cannot be scanned any more', async () => {
  const { provider, gateway } = await started();
  const payment = await begin(provider);
  expect(await provider.endPayment(at(payment))).toBeNull();
  expect(gateway.scan(codeOf(payment))).toBeNull();
  const scanned = await begin(provider);
  const trade = gateway.scan(codeOf(scanned));
  expect(await provider.findPayment(at(scanned))).toMatchObject({ state: 'pending', providerId: trade?.tradeNo });
  const ended = { state: 'failed', declined: 'timed_out' };
  expect(await provider.endPayment(at(scanned))).toMatchObject(ended);
  expect(await provider.endPayment(at(scanned))).toMatchObject(ended);
});

test('a page that its shopper has not opened stays null until its time; one that was opened is closed with its order', async () => {
  const { provider, gateway, shop } = await started('page');
  const payment = await begin(provider);
  expect(await provider.findPayment(at(payment))).toBeNull();
  expect(await provider.endPayment(at(payment))).toBeNull();
  expect(gateway.calls.map(({ method }) => method)).not.toContain('alipay.trade.cancel');
  const opened = await begin(provider);
  gateway.decline(true);
  await shop(opened);
  expect(await provider.endPayment(at(opened))).toMatchObject({ state: 'failed', declined: 'timed_out' });
  expect(await provider.createPayment(request({ returnUrl: null }))).toMatchObject({ kind: 'refused' });
});

test('a payment that came while its order ended succeeded; what Alipay gave back by itself is a refund that is done (I6)', async () => {
  const { provider, gateway } = await started();
  const payment = await begin(provider);
  // It is scanned and paid between close, which knows no such trade, and cancel.
  gateway.beforeNext(
    () => undefined,
    () => {
      const trade = gateway.scan(codeOf(payment));
      if (trade !== null) gateway.finish(trade);
    },
  );
  expect(await provider.endPayment(at(payment))).toMatchObject({ state: 'succeeded', amount: 1205 });
  const refund = { refundId: newRefundId(Date.now()), payment: at(payment), amount: 1205, currency: 'CNY' };
  const done = { refundId: refund.refundId, paymentId: payment.paymentId, state: 'succeeded', amount: 1205 };
  expect(await provider.createRefund(refund)).toMatchObject({ kind: 'refund', refund: done });
});

test('a trade that is closed after all its money went back is no failure, and a paid one is not closed', async () => {
  const { provider, gateway, shop } = await started();
  const payment = await begin(provider);
  await shop(payment);
  expect(await provider.endPayment(at(payment))).toMatchObject({ state: 'succeeded' });
  const refund = { refundId: newRefundId(Date.now()), payment: at(payment), amount: 1205, currency: 'CNY' };
  expect(await provider.createRefund(refund)).toMatchObject({ refund: { state: 'succeeded', amount: 1205 } });
  expect(gateway.trades.find(payment.paymentId)).toMatchObject({ status: 'TRADE_CLOSED' });
  expect(await provider.findPayment(at(payment))).toMatchObject({ state: 'succeeded' });
  expect(await gateway.answers()).toEqual(['success', 'success']);
});

test('a refund that Alipay does not say is done is pending', async () => {
  const { provider, gateway, shop } = await started();
  const payment = await begin(provider);
  await shop(payment);
  const refund = { refundId: newRefundId(Date.now()), payment: at(payment), amount: 1205, currency: 'CNY' };
  // Its books are behind: the question after the refund finds nothing.
  const trade = gateway.trades.find(payment.paymentId);
  if (!('refunds' in trade)) throw new Error('no trade');
  gateway.beforeNext(
    () => undefined,
    () => trade.refunds.clear(),
    () => undefined,
  );
  expect(await provider.createRefund(refund)).toMatchObject({ kind: 'refund', refund: { state: 'pending' } });
});

test.each<[what: string, change: (text: string) => string, says: RegExp]>([
  ['of another', (text) => text.replace('TRADE_SUCCESS', 'TRADE_FINISHED'), /without a signature/],
  ['unsigned', (text) => text.replace(/,"sign":"[^"]+"/, ''), /without a signature/],
  ['of no JSON', () => '<html>', /no JSON/],
  ['of more than 64 KiB', (text) => text.replace('{', `{"x":"${'x'.repeat(70_000)}",`), /exceeded/i],
])('an answer %s says nothing of a payment', async (_, change, says) => {
  const { provider, gateway, shop } = await started();
  const payment = await begin(provider);
  await shop(payment);
  gateway.answerAs(change);
  await expect(provider.findPayment(at(payment))).rejects.toMatchObject({
    kind: 'unknown',
    message: expect.stringMatching(says),
  });
});

test('of an answer with two nodes of one name the signed one is read', async () => {
  const { provider, gateway, shop } = await started();
  const payment = await begin(provider);
  await shop(payment);
  gateway.answerAs((text) => {
    const node = text.slice(1, text.indexOf('},"sign"') + 1);
    return text.replace(/}$/, `,${node.replace('TRADE_SUCCESS', 'WAIT_BUYER_PAY')}}`);
  });
  expect(await provider.findPayment(at(payment))).toMatchObject({ state: 'succeeded' });
});

test('a key or a number that Alipay does not know is a fault that says so, without a word of what was signed', async () => {
  const { gateway } = await started();
  const options = {
    appId,
    way: 'qr' as const,
    alipayKey: gateway.alipayKey,
    url: gateway.url,
    notifyUrl: 'https://a.example/',
  };
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  for (const [given, says] of [
    [{ ...options, privateKey: other }, 'it answered 40002 isv.invalid-signature'],
    [{ ...options, appId: '20140723', privateKey: app.privateKey }, 'it answered 40002 isv.invalid-app-id'],
  ] as const) {
    const provider = createAlipayProvider(given);
    onTestFinished(provider.close);
    const message = `the payment provider is unavailable: ${says}`;
    await expect(provider.createPayment(request())).rejects.toMatchObject({ kind: 'unavailable', message });
  }
});

test('a call ends with its signal, and a redirect is not followed', async () => {
  const asked: string[] = [];
  const server = createServer(({ url = '' }, response) => {
    asked.push(url);
    if (asked.length === 1) response.writeHead(307, { location: '/elsewhere' }).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // a TCP server's
  const provider = createAlipayProvider({
    ...{ appId, way: 'qr', privateKey: app.privateKey, alipayKey: app.publicKey },
    ...{ url: `http://127.0.0.1:${port}/gateway.do`, notifyUrl: 'https://a.example/' },
  });
  onTestFinished(async () => {
    await provider.close();
    server.closeAllConnections();
    server.close();
  });
  await expect(provider.findPayment(at(request()))).rejects.toMatchObject({ message: expect.stringContaining('307') });
  const deadline = new AbortController();
  const hung = provider.findPayment(at(request()), deadline.signal);
  await expect.poll(() => asked.length).toBe(2);
  deadline.abort();
  await expect(hung).rejects.toMatchObject({ kind: 'unknown' });
  expect(asked.filter((path) => !path.startsWith('/gateway.do?'))).toEqual([]);
});

test('what Alipay itself signed is read: an answer of its sandbox, and a notice of years ago', async () => {
  const server = createServer((_, response) => response.end(signedAnswer.text)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // a TCP server's
  const options = { appId, privateKey: app.privateKey, url: `http://127.0.0.1:${port}/gateway.do`, now: Date.now };
  const gateway = createAlipayGateway({ ...options, alipayKey: signedAnswer.key });
  const noticed = createAlipayGateway({ ...options, alipayKey: signedNotice.key });
  onTestFinished(async () => {
    await Promise.all([gateway.close(), noticed.close()]);
    server.close();
  });
  expect(await gateway.ask(signedAnswer.method, {}, { signal: undefined })).toMatchObject({
    kind: 'done',
    body: { file_id: 'CAxAToWB1JsAAAAAAAAAAAAADgSLAQBr' },
  });
  const { fields } = signedNotice;
  const read = (changes: Record<string, string>, ofApp = fields.app_id) =>
    readNotice(new URLSearchParams({ ...fields, ...changes }).toString(), noticed, ofApp);
  expect(read({})).toEqual({
    kind: 'event',
    event: {
      ...{ id: fields.notify_id, kind: 'payment' },
      payment: {
        ...{ paymentId: fields.out_trade_no, providerId: fields.trade_no, state: 'succeeded', amount: 10 },
        ...{ currency: 'CNY', next: { kind: 'none' }, declined: null, reason: null },
      },
    },
  });
  // Of another app of the same shop's it is genuine, and nothing for us.
  expect(read({}, appId)).toMatchObject({ event: { kind: 'unreadable', id: fields.notify_id } });
  for (const change of [
    { total_amount: '1.10' },
    { sign_type: 'RSA' },
    { sign_type: '' },
    { sign: '' },
    { more: '' },
  ]) {
    expect([change, read(change)]).toEqual([change, { kind: 'refused', why: 'signature' }]);
  }
  expect(readNotice('', noticed, appId)).toEqual({ kind: 'refused', why: 'signature' });
});

test('a genuine notice that is odd is unreadable or of no interest, and never refused', async () => {
  const { provider, gateway } = await started();
  const trade = {
    ...{ notify_id: 'n1', notify_type: 'trade_status_sync', trade_no: 't1', out_trade_no: 'pay_1' },
    ...{ trade_status: 'TRADE_SUCCESS', total_amount: '12.05' },
  };
  const read = (changes: Record<string, string>) =>
    provider.readEvent({ headers: new Headers(), body: gateway.signNotice({ ...trade, ...changes }), nowMs: 0 });
  for (const odd of [
    ...[{ total_amount: '12.055' }, { total_amount: '-1' }, { total_amount: '1e3' }, { total_amount: '' }],
    ...[{ trade_status: 'TRADE_PENDING' }, { out_trade_no: 'pay\u0000' }, { trade_no: '' }, { notify_id: 'n\u0000' }],
    ...[{ refund_fee: 'all' }, { app_id: '2014072300007149' }],
  ]) {
    expect([odd, read(odd)]).toMatchObject([odd, { kind: 'event', event: { kind: 'unreadable' } }]);
  }
  expect(read({ notify_type: 'other_sync' })).toMatchObject({ event: { kind: 'other', type: 'other_sync' } });
  expect(read({ trade_status: 'TRADE_FINISHED' })).toMatchObject({ event: { payment: { state: 'succeeded' } } });
  expect(read({ trade_status: 'WAIT_BUYER_PAY' })).toMatchObject({ event: { payment: { state: 'pending' } } });
  const closed = { trade_status: 'TRADE_CLOSED' };
  expect(read(closed)).toMatchObject({ event: { payment: { state: 'failed', declined: 'timed_out' } } });
  expect(read({ ...closed, gmt_payment: '2026-12-01 12:00:00' })).toMatchObject({
    event: { payment: { state: 'succeeded' } },
  });
  // Of a refund that somebody made by hand at Alipay: it is none of ours, and is told of as that.
  const back = { kind: 'refund', refund: { refundId: '', providerId: 't1', amount: 1205 } };
  expect(read({ ...closed, refund_fee: '12.05' })).toMatchObject({ event: back });
});

test('Alipay’s SDK changes no socket of this process', () => {
  const { destroy } = Socket.prototype;
  expect(loadAlipaySdk().AlipaySdk).toBeTypeOf('function');
  expect(Socket.prototype.destroy).toBe(destroy);
  const error = new Error('it ends two of them');
  for (const socket of [new Socket(), new Socket()]) socket.on('error', () => undefined).destroy(error);
});
