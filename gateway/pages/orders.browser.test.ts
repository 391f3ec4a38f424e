import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { newOrderId } from '#contract/order.ts';
import { ordersOfPage } from '#contract/order-list.ts';
import { keepImage } from '#lab/kits/keep-image.ts';
import { openShop, type Shop } from '#lab/kits/shop-sale.ts';
import { buy, launchBrowser, newShopper, orderInState, seriousObjections } from '#lab/kits/shopper.ts';

const stack = inject('stack');
const page = `${stack.edgeUrl}/orders`;
let browser: Browser;
let shop: Shop;

beforeAll(async () => {
  [browser, shop] = await Promise.all([launchBrowser(), openShop(stack)]);
});
afterAll(async () => {
  await browser?.close();
  await shop?.close();
});

test('an order that waits is listed in its own browser, and says by itself that it is ready', async () => {
  const { saleId, url } = await shop.open('Tea for two', { challenge: 'none' });
  const held = await shop.holdOrders(saleId);
  const first = await newShopper(browser);
  await buy(first.page, url);
  await orderInState(first.page, 'queued');
  await first.page.getByTestId('my-orders').click();
  await first.page.waitForURL(page);
  const row = first.page.locator('.own-order', { hasText: 'Tea for two' });
  await row.getByText('In the queue').waitFor();
  await held.release();
  await row.getByText('To pay').waitFor();
  expect(await row.innerText()).toContain('¥1,999.00');
  expect(await seriousObjections(first.page)).toEqual([]);
  expect(first.foreign).toEqual([]);
});

test('a stored order is listed on another device, in its language, and leads to its page', async () => {
  const translations = { zh: { title: '双人茶' } };
  const { url } = await shop.open('Tea for two', { challenge: 'none', translations });
  const first = await newShopper(browser);
  await buy(first.page, url);
  await orderInState(first.page, 'awaiting_payment');
  const orderPage = first.page.url();

  // Another device knows nothing but who is there.
  const token = await first.page.evaluate<string>("localStorage.getItem('seckill.token')");
  const second = await newShopper(browser, {
    locale: 'zh-CN',
    colorScheme: 'dark',
    viewport: { width: 320, height: 640 },
  });
  await second.page.addInitScript(`localStorage.setItem('seckill.token', ${JSON.stringify(token)})`);
  await second.page.goto(page);
  await second.page.locator('.own-order', { hasText: '双人茶' }).getByText('待付款').waitFor();
  expect(await seriousObjections(second.page)).toEqual([]);
  expect(await second.page.evaluate('document.documentElement.scrollWidth')).toBe(320);
  await keepImage(second.page, 'my-orders-zh');
  await second.page.locator('.own-order').click();
  await orderInState(second.page, 'awaiting_payment');
  expect(second.page.url()).toBe(orderPage);
  expect(second.complaints).toEqual([]);
});

test('older orders come by a press, once each; who has none or is not signed in is told so', async () => {
  const { saleId, url } = await shop.open('Cups by the dozen', { challenge: 'none', units: 100, limitPerUser: 100 });
  const shopper = await newShopper(browser);
  await shopper.page.goto(page);
  await shopper.page.getByText('You are not signed in.').waitFor();
  expect(await shopper.page.getByTestId('my-orders').isVisible()).toBe(false);
  expect(await seriousObjections(shopper.page)).toEqual([]);
  await buy(shopper.page, url);
  await orderInState(shopper.page, 'awaiting_payment');

  const token = await shopper.page.evaluate<string>("JSON.parse(localStorage.getItem('seckill.token'))");
  const { sub } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  const older = Array.from({ length: ordersOfPage }, (_, index) => newOrderId(saleId, Date.now() - 60_000 - index));
  await shop.connections.pool.query(
    `INSERT INTO orders (id, sale_id, user_id, quantity, place, state, amount, currency, pay_by, accepted_at)
     SELECT id, $2, $3, 1, 1000 + n, 'failed', 199900, 'CNY', now(), now() - n * interval '1 minute'
       FROM unnest($1::text[]) WITH ORDINALITY AS given (id, n)`,
    [older, saleId, sub],
  );
  await shopper.page.goto(page);
  const rows = shopper.page.locator('.own-order');
  await expect.poll(() => rows.count()).toBe(ordersOfPage);
  await shopper.page.getByTestId('older').click();
  await expect.poll(() => rows.count()).toBe(ordersOfPage + 1);
  expect(await shopper.page.getByTestId('older').isVisible()).toBe(false);
  expect(
    await shopper.page.evaluate("document.activeElement === [...document.querySelectorAll('.own-order')].at(-1)"),
  ).toBe(true);
  const links = await shopper.page.evaluate<string[]>(
    "[...document.querySelectorAll('.own-order')].map(({ href }) => href)",
  );
  expect(new Set(links).size).toBe(ordersOfPage + 1);

  const stranger = await newShopper(browser);
  await stranger.page.goto(url);
  await stranger.page.evaluate(
    "fetch('/api/session', { method: 'POST' }).then((it) => it.json()).then(({ token }) => localStorage.setItem('seckill.token', JSON.stringify(token)))",
  );
  await stranger.page.goto(page);
  await stranger.page.getByText('You have no orders yet.').waitFor();
});
