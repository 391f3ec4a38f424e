import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, test, vi } from 'vitest';
import { startPaymentDesk } from '#lab/kits/payment-desk.ts';
import { poll } from '#lab/poll.ts';
import { startAlipayGateway } from '#lab/servers/alipay-gateway.ts';
import { createAlipayProvider } from './alipay-provider.ts';

vi.setConfig({ testTimeout: 120_000 });

const appId = '2014072300007148';
const app = generateKeyPairSync('rsa', { modulusLength: 2048 });
const gateway = await startAlipayGateway({ appId, appKey: app.publicKey });
/** Alipay's notices reach the route as they would through the edge. */
const shop = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const headers = { 'content-type': String(request.headers['content-type']) };
  const init = { method: 'POST', headers, body: Buffer.concat(chunks).toString() };
  const answer = await desk.request('/api/payments/webhook', init);
  response.writeHead(answer.status).end(await answer.text());
}).listen(0, '127.0.0.1');
await once(shop, 'listening');
const { port } = shop.address() as AddressInfo; // a TCP server's
const provider = createAlipayProvider({
  ...{ appId, way: 'qr', privateKey: app.privateKey, alipayKey: gateway.alipayKey, url: gateway.url },
  notifyUrl: `http://127.0.0.1:${port}/api/payments/webhook`,
});
const desk = await startPaymentDesk({ provider, publicUrl: 'https://sale.example', checkAfterMs: 50 });
afterAll(async () => {
  await gateway.close();
  await desk.close();
  await provider.close();
  await new Promise((resolve) => shop.close(resolve));
});

/** The code that a press shows, and whose it is. */
async function pressed(saleId: string): Promise<{ orderId: string; paymentId: string; code: string }> {
  const orderId = await desk.bought(saleId);
  const { status, body } = await desk.pay(orderId);
  expect([status, body.state]).toEqual([201, 'pending']);
  const { kind, text } = body.next as { kind: string; text: string }; // compared below
  expect([kind, text]).toEqual(['qr', expect.stringMatching(/^https:\/\/qr\.alipay\.com\//)]);
  return { orderId, paymentId: String(body.paymentId), code: text };
}
function scanAndPay(code: string): string {
  const trade = gateway.scan(code);
  if (trade === null) throw new Error('the code is of no use');
  gateway.finish(trade);
  return trade.tradeNo;
}
const stateIs = (orderId: string, state: string) =>
  poll(`the order to be ${state}`, async () => (await desk.stateOf(orderId)) === state);

test('an order is paid by its code and given back; one that ends ends its code; money that slips through goes back (I6)', async () => {
  const saleId = await desk.openSale(3);
  const paid = await pressed(saleId);
  const tradeNo = scanAndPay(paid.code);
  await stateIs(paid.orderId, 'paid');
  const { rows } = await desk.pool.query('SELECT provider_id FROM payments WHERE id = $1', [paid.paymentId]);
  expect(rows).toEqual([{ provider_id: tradeNo }]);
  expect((await desk.refund(paid.orderId)).status).toBe(202);
  await stateIs(paid.orderId, 'refunded');

  const left = await pressed(saleId);
  await desk.expire(left.orderId);
  await poll('the code to be ended', () =>
    gateway.calls.some(({ method, content }) => method.endsWith('cancel') && content.out_trade_no === left.paymentId),
  );
  expect(gateway.scan(left.code)).toBeNull();

  const late = await pressed(saleId);
  gateway.away(true); // or the code is ended first
  expect((await desk.cancel(late.orderId)).status).toBe(200);
  scanAndPay(late.code);
  gateway.away(false);
  await poll('the money to go back', () => {
    const trade = gateway.trades.find(late.paymentId);
    return 'refunds' in trade && gateway.trades.refunded(trade) === trade.amount;
  });
  await poll('the refund to be known', async () => (await desk.refundOf(late.paymentId))?.state === 'succeeded');
  // Each notice was taken in, and Alipay sends none again.
  expect(new Set(await gateway.answers())).toEqual(new Set(['success']));
});
