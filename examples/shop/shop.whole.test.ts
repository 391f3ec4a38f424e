import { Pool } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SaleCheck } from '#infra/sale-check/sale-check.ts';
import { boughtOrder, orderIs } from '#lab/kits/bought-order.ts';
import { newSaleId, openSale, seckill, seckillJson } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { stackUnderTest } from '#lab/servers/stack-under-test.ts';
import { call, type HeldTicket, orderState } from '#loadtest/crowd/shopper.ts';
import type { AuditReport } from '#order-worker/audit/audit.ts';
import { newWebhookSecret, parseWebhookSecrets, signWebhook } from '#runtime/standard-webhooks.ts';
import { type Shop, startShop } from './shop.ts';

const stack = stackUnderTest();
const pool = new Pool(stack.edgeUrl, { connections: 4 });
const secret = stack.env.SECKILL_HAND_OVER_SECRET ?? '';
const saleId = newSaleId('at-the-shop');
let shop: Shop;

beforeAll(async () => {
  shop = await startShop({ sale: stack.edgeUrl, secret });
  await openSale(stack.env, { saleId, units: 3, checkout: { mode: 'shop', url: shop.url } });
});
afterAll(async () => {
  await shop?.stop();
  await pool.close();
});

const bought = () => boughtOrder(pool, saleId);
const stateIs = (held: HeldTicket, state: string) => orderIs(pool, held, state);
const atTheEdge = (held: HeldTicket, what: string) =>
  call(pool, 'POST', `/api/orders/${held.orderId}/${what}`, { token: held.token, body: {} });

/** Presses Pay on the order page, and is at the shop: a browser there, which presses, and reads what the page says after. */
async function atTheCheckout(held: HeldTicket) {
  const { status, body } = await atTheEdge(held, 'payment');
  expect({ status, body }).toMatchObject({ status: 201, body: { paymentId: null, next: { kind: 'redirect' } } });
  const way = String((body.next as { url: string }).url);
  const came = await fetch(way, { redirect: 'manual' });
  expect([came.status, came.headers.get('location')]).toEqual([303, `/checkout/${held.orderId}`]);
  const headers = { cookie: came.headers.get('set-cookie')?.split(';')[0] ?? '' };
  const page = new URL(way);
  page.search = '';
  const read = async () => (await fetch(page, { headers })).text();
  const press = async (what: string) => {
    expect((await fetch(`${page.href}/${what}`, { method: 'POST', headers, redirect: 'manual' })).status).toBe(303);
    return read();
  };
  return { way, page: page.href, read, press };
}

test('from the yes to paid at the shop, and back by its refund: every book balances, the item is on sale again', async () => {
  const held = await bought();
  const checkout = await atTheCheckout(held);
  expect(await checkout.read()).toContain('19.99 CNY');
  expect(await checkout.press('pay')).toContain('<strong>paid</strong>');
  await stateIs(held, 'paid');
  expect((await fetch(checkout.way, { redirect: 'manual' })).status).toBe(403); // a token is good once
  expect((await fetch(checkout.page)).status).toBe(403); // and its page is of the browser that came with it
  const sums = { taken: 0, kept: 0, goingBack: 0, back: 0 };
  const audit = () => seckillJson<AuditReport>(stack.env, 'audit', saleId);
  expect((await audit()).money).toEqual({ ...sums, atTheShop: { taken: 1999, kept: 1999, back: 0 } });
  expect((await seckill(stack.env, 'sale', 'show', saleId)).stdout).toContain(`checkout  at the shop, ${shop.url}`);
  const { checks }: SaleCheck = JSON.parse((await seckill(stack.env, 'sale', 'check', saleId, '--json')).stdout);
  expect(checks).toContainEqual(expect.objectContaining({ check: 'checkout', verdict: 'pass' }));
  const { stdout } = await seckill(stack.env, 'order', 'show', held.orderId);
  expect(stdout).toMatch(/taken by the shop, ch_[0-9a-f-]{36}/);

  expect(await atTheEdge(held, 'refund')).toMatchObject({ status: 409, body: { code: 'ORDER_STATE' } });
  expect(await checkout.press('refund')).toContain('<strong>refunded</strong>');
  await stateIs(held, 'refunded');
  const after = await poll('balanced books', async () => {
    const report = await audit().catch(() => null);
    return report?.balanced === true && report.units.free === 3 ? report : null;
  });
  expect(after.money).toEqual({ ...sums, atTheShop: { taken: 1999, kept: 0, back: 1999 } });
});

test('an order that has ended meanwhile is not paid: the shop gives the money back and says why; cancelled there is cancelled here', async () => {
  const [late, given] = [await bought(), await bought()];
  const checkout = await atTheCheckout(late);
  expect((await atTheEdge(late, 'cancel')).status).toBe(200);
  expect(await checkout.press('pay')).toMatch(/We gave your money back: too late: the order was cancelled at 20\S+Z/);
  expect(await orderState(pool, late)).toBe('cancelled');
  expect(await (await atTheCheckout(given)).press('cancel')).toContain('<strong>cancelled</strong>');
  await stateIs(given, 'cancelled');
});

test('through the edge only what the shop signed is heard, and its keys are there for ten minutes', async () => {
  const held = await bought();
  const path = `/api/hand-over/orders/${held.orderId}/paid`;
  const data = { orderId: held.orderId, amount: 1999, currency: 'CNY', reference: 'ch_1' };
  const body = JSON.stringify({ type: 'order.paid', timestamp: new Date().toISOString(), data });
  const send = async (headers: Record<string, string>, sent = body) => {
    const answer = await fetch(stack.edgeUrl + path, { method: 'POST', headers, body: sent });
    return [answer.status, ((await answer.json()) as { code?: string }).code];
  };
  const signed = (by: string, ageMs = 0) =>
    signWebhook({ id: 'e', body, nowMs: Date.now() - ageMs }, parseWebhookSecrets(by));
  expect(await send({})).toEqual([400, 'BAD_REQUEST']);
  expect(await send(signed(newWebhookSecret()))).toEqual([401, 'UNAUTHENTICATED']);
  expect(await send(signed(secret, 301_000))).toEqual([400, 'BAD_REQUEST']);
  expect(await send(signed(secret), `${body} `)).toEqual([401, 'UNAUTHENTICATED']);
  expect(await send(signed(secret), 'x'.repeat(17_000))).toEqual([413, 'BODY_TOO_LARGE']);
  expect(await orderState(pool, held)).toBe('awaiting_payment');
  expect(await send(signed(secret))).toEqual([200, undefined]);
  await stateIs(held, 'paid');
  const keys = await fetch(`${stack.edgeUrl}/api/hand-over/keys`);
  expect([keys.headers.get('cache-control'), await keys.json()]).toEqual([
    'public, max-age=600',
    { keys: [expect.objectContaining({ kty: 'EC', crv: 'P-256', alg: 'ES256' })] },
  ]);
});
