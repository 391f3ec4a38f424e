import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { keepImage } from '#lab/kits/keep-image.ts';
import { openShop, type Shop } from '#lab/kits/shop-sale.ts';
import {
  answerSum,
  buy,
  hurry,
  inState,
  isPaid,
  launchBrowser,
  newShopper,
  orderInState,
  recordShifts,
  seriousObjections,
  shiftsOf,
} from '#lab/kits/shopper.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { moveOrders } from '#order-worker/orders/move-orders.ts';
import { inTransaction } from '#runtime/postgres/connect.ts';
import { toSaleNode } from '#sales/sale-state.ts';
import { preparePicture } from './picture.ts';
import { publishPages } from './publish.ts';
import { readBrand } from './read-brand.ts';

const stack = inject('stack');
let browser: Browser;
let shop: Shop;

beforeAll(async () => {
  [browser, shop] = await Promise.all([launchBrowser(), openShop(stack)]);
});
afterAll(async () => {
  await browser?.close();
  await shop?.close();
});

const dark = { colorScheme: 'dark', locale: 'zh-CN' } as const;
const wide = { viewport: { width: 1100, height: 720 } } as const;

/** Nothing serious in this state, in either colour scheme. */
async function check(page: Page, state: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    expect(await seriousObjections(page), `${state}, ${colorScheme}`).toEqual([]);
  }
}
async function shopperOn(url: string, options: BrowserContextOptions = {}) {
  const shopper = await newShopper(browser, options);
  await shopper.page.clock.install();
  await shopper.page.goto(url);
  return shopper.page;
}

const cup = `<svg xmlns="http://www.w3.org/2000/svg" width="1280" height="880"><defs><radialGradient id="g"><stop stop-color="#ffe9d0"/><stop offset="1" stop-color="#d9a274"/></radialGradient></defs><rect width="1280" height="880" fill="url(#g)"/><ellipse cx="640" cy="720" rx="360" ry="46" fill="#0003"/><path d="M380 330h520c0 250-100 370-260 370s-260-120-260-370z" fill="#2d6a6f"/><path d="M890 390c120-20 150 170-40 200" fill="none" stroke="#2d6a6f" stroke-width="42"/><ellipse cx="640" cy="330" rx="260" ry="50" fill="#1d4a4e"/><ellipse cx="640" cy="338" rx="220" ry="36" fill="#8a4b22"/></svg>`;

test('sale page: nothing serious for axe in any state, in light and dark', async () => {
  const { url, saleId } = await shop.open('Tea set', { units: 1, challenge: 'none' });
  const page = await shopperOn(url);
  await inState(page, 'open');
  await check(page, 'open');
  await shop.change(saleId, 'pause');
  await hurry(page, inState(page, 'paused'));
  await check(page, 'paused');
  await shop.change(saleId, 'resume');
  await hurry(page, inState(page, 'open'));
  await buy((await newShopper(browser)).page, url);
  await hurry(page, inState(page, 'sold_out'));
  await check(page, 'sold out');
  await keepImage(page, 'sale-sold-out');
  await shop.change(saleId, 'close');
  await hurry(page, inState(page, 'closed'));
  await check(page, 'closed');
});

test.each([
  ['before the opening', 'upcoming', { opensInMs: 3_000_000 }],
  ['where work is asked', 'open', { challenge: 'pow' }],
] as const)('sale page in both languages, %s: nothing serious for axe', async (_when, state, fields) => {
  const { url } = await shop.open('Late tea set', fields);
  const chinese = await shopperOn(url, dark);
  await inState(chinese, state);
  expect(await chinese.evaluate('document.documentElement.lang')).toBe('zh-Hans');
  await check(chinese, `${state} in Chinese`);
  await chinese.getByTestId('language').click();
  await expect.poll(() => chinese.evaluate('document.documentElement.lang')).toBe('en');
});

test('list: nothing serious for axe', async () => {
  await shop.open('Porcelain plate');
  const list = await shopperOn(stack.edgeUrl);
  await list.locator('.card').first().waitFor();
  await check(list, 'list');
});

test('an order of someone else: nothing serious for axe', async () => {
  const foreign = await shopperOn(`${stack.edgeUrl}/orders/nobody-01hx0000000000000000000101`);
  await foreign.getByText('Is this your order?').waitFor();
  await check(foreign, 'an order of someone else');
});

test('where no page is: words in the visitor’s language, nothing serious for axe', async () => {
  const chinese = await newShopper(browser, { locale: 'zh-CN' });
  for (const path of ['/nope', '/orders/zzz', '/sales/never-published']) {
    const response = await chinese.page.goto(`${stack.edgeUrl}${path}`);
    expect(response?.status()).toBe(404);
    await chinese.page.getByText('找不到这个页面').waitFor();
  }
  await check(chinese.page, 'nothing here, in Chinese');
});

test('where no page is there is a way back, and capitals lead on', async () => {
  const { url, saleId } = await shop.open('Porcelain jar');
  const lost = await shopperOn(`${stack.edgeUrl}/nope`);
  await lost.getByText('We could not find this page.').waitFor();
  await check(lost, 'nothing here');
  await lost.getByTestId('all-sales').click();
  await lost.locator('.card').first().waitFor();
  await lost.goto(`${stack.edgeUrl}/sales/${saleId.toUpperCase()}/?from=mail`);
  expect(lost.url()).toBe(`${url}?from=mail`);
});

/** What the order's page says of its way: the steps that are shown, the one where it stands in brackets. */
const way = (page: Page) =>
  page.evaluate<string>(`[...document.querySelectorAll('[data-testid=steps] li:not([hidden])')]
    .map((step) => step.ariaCurrent === 'step' ? '[' + step.innerText + ']' : step.innerText).join(' ')`);

test('order page: nothing serious for axe in any state, a heading that says it, and the steps that were taken', async () => {
  const { url, saleId } = await shop.open('Porcelain bowl', { challenge: 'none' });
  const held = await shop.holdOrders(saleId);
  const { page } = await newShopper(browser);
  await buy(page, url);
  await orderInState(page, 'queued');
  await page.getByText('You are next.').waitFor();
  await check(page, 'queued');
  expect(await way(page)).toBe('[In the queue] To pay Paid');
  await held.release();
  await orderInState(page, 'awaiting_payment');
  await check(page, 'awaiting payment');
  const edge = async (selector: string) => (await page.locator(selector).boundingBox()) ?? { y: 0, height: 0 };
  const [buttons, stub] = [await edge('.actions'), await edge('.ticket-stub')];
  expect(stub.y - buttons.y - buttons.height).toBeLessThan(16); // a message that says nothing leaves no gap
  await page.emulateMedia({ colorScheme: 'light' });
  await keepImage(page, 'order-awaiting-payment');
  await page.getByTestId('pay').click();
  await isPaid(page);
  await check(page, 'paid');
  await page.getByRole('heading', { level: 1, name: 'Paid. Thank you!' }).waitFor();
  expect(await way(page)).toBe('In the queue To pay [Paid]');
  await page.getByTestId('refund').click();
  await page.getByTestId('refund').click();
  await orderInState(page, 'refunded');
  await check(page, 'refunded');
  await page.getByRole('heading', { level: 1, name: 'Your refund is complete' }).waitFor();
  expect(await way(page)).toBe('In the queue To pay Paid [Refunded]');
});

test('order page of an order that came to nothing: its end is the last step, in both languages, and it fits a small phone', async () => {
  const { url } = await shop.open('Porcelain spoon', { challenge: 'none' });
  const { page } = await newShopper(browser, { viewport: { width: 320, height: 640 } });
  await buy(page, url);
  await orderInState(page, 'awaiting_payment');
  const orderId = new URL(page.url()).pathname.split('/').at(-1) ?? '';
  await inTransaction(shop.connections.pool, (client) =>
    moveOrders(client, { orderIds: [orderId], from: 'awaiting_payment', to: 'expired' }),
  );
  await orderInState(page, 'expired');
  await check(page, 'expired');
  expect(await way(page)).toBe('In the queue To pay [Not paid in time]');
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
  await page.getByTestId('language').click();
  await orderInState(page, 'expired');
  expect(await way(page)).toBe('排队中 待付款 [超时未付款]');
});

test('nothing moves while a page comes to life, with a picture of the shop’s own that comes late', async () => {
  const picture = await preparePicture(await sharp(Buffer.from(cup)).jpeg().toBuffer());
  if ('problem' in picture) throw new Error(picture.problem);
  const translations = { zh: { title: '青瓷茶杯 · 首窑', description: '每人一件，先到先得。' } };
  const title = 'Celadon tea cup, first firing';
  const description = 'Thrown by hand, fired once. One per person.';
  const { url } = await shop.open(title, { description, translations, picture });
  for (const [name, options] of [
    ['sale-open-phone', {}],
    ['sale-open', wide],
    ['sale-open-dark-zh', { ...dark, ...wide }],
  ] as const) {
    const { page, complaints, foreign } = await newShopper(browser, options);
    await page.addInitScript(recordShifts);
    // The picture is held back until the page has come to life without it.
    let letCome = () => {};
    const isAlive = new Promise<void>((resolve) => {
      letCome = resolve;
    });
    await page.route('**/picture.*.webp', async (route) => {
      await isAlive;
      await route.continue();
    });
    await page.goto(url, { waitUntil: 'commit' });
    await inState(page, 'open');
    await page.getByTestId('answer').and(page.locator(':enabled')).waitFor();
    letCome();
    const width = () => page.evaluate<number>("document.querySelector('.picture img').naturalWidth");
    await expect.poll(width).toBeGreaterThan(0);
    const shifts = await shiftsOf(page);
    expect(
      shifts.reduce((sum, { value }) => sum + value, 0),
      JSON.stringify(shifts),
    ).toBeLessThan(0.01);
    expect([complaints, foreign]).toEqual([[], []]);
    await keepImage(page, name);
  }
});

test('the keyboard alone buys and pays, and what changes is said in a live region', async () => {
  const { url } = await shop.open('Brush pen');
  const page = await shopperOn(url);
  await answerSum(page);
  await page.getByTestId('answer').press('Tab');
  expect(await page.evaluate('document.activeElement.dataset.testid')).toBe('buy');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/orders\/shop-/);
  await orderInState(page, 'awaiting_payment');
  for (let presses = 0; presses < 12; presses += 1) {
    await page.keyboard.press('Tab');
    if ((await page.evaluate('document.activeElement.dataset.testid')) === 'pay') break;
  }
  await page.keyboard.press('Enter');
  await orderInState(page, 'paid');
  expect(await page.getByRole('status').filter({ hasText: 'Paid. Thank you!' }).count()).toBe(1);
});

test('offline and back: the page says so, keeps what it knew, and goes on by itself', async () => {
  const { url, saleId } = await shop.open('Ink stone', { challenge: 'none' });
  const page = await shopperOn(url);
  await inState(page, 'open');
  await page.context().setOffline(true);
  await page.getByRole('status').filter({ hasText: 'You are offline.' }).waitFor();
  await check(page, 'offline');
  await shop.change(saleId, 'pause');
  await page.context().setOffline(false);
  await inState(page, 'paused');
  expect(await page.getByTestId('advice').textContent()).toContain('paused');
});

test('too fast is said, and waited out with the same ticket', async () => {
  const { url } = await shop.open('Wax seal', { challenge: 'none' });
  const { page } = await newShopper(browser);
  const tickets: (string | undefined)[] = [];
  const said = Promise.withResolvers<void>();
  const body = JSON.stringify({ code: 'RATE_LIMITED', status: 429 });
  await page.route('**/api/sales/*/orders', async (route) => {
    tickets.push(route.request().headers()['seckill-ticket']);
    if (tickets.length > 1) {
      await said.promise; // it is said only until the next answer
      return route.continue();
    }
    return route.fulfill({
      status: 429,
      contentType: 'application/problem+json',
      headers: { 'Retry-After': '1' },
      body,
    });
  });
  await page.goto(url);
  await page.locator('[data-testid=buy]:enabled', { hasText: 'Buy now' }).click();
  await page.getByText('Still trying').waitFor();
  said.resolve();
  await page.waitForURL(/\/orders\/shop-/);
  expect(tickets.length).toBeGreaterThanOrEqual(2);
  expect(new Set(tickets).size).toBe(1);
});

test('without JavaScript the page says in both languages what is sold, how it stood, and what to do', async () => {
  const { url } = await shop.open('Paper lantern');
  const page = await shopperOn(url, { javaScriptEnabled: false });
  const text = await page.locator('body').innerText();
  for (const words of ['Paper lantern', '¥1,999.00', 'Open now', '抢购中', 'turn on JavaScript', '启用 JavaScript']) {
    expect(text).toContain(words);
  }
  expect(await page.getByTestId('buy').isVisible()).toBe(false);
});

test('a shop’s own name, colours and third language: only that language’s words are loaded, the list of languages works by keyboard', async () => {
  const folder = temporaryDirectory('brand');
  const pagesDir = join(folder, 'pages');
  mkdirSync(join(folder, 'words'), { recursive: true });
  mkdirSync(pagesDir);
  const colours = { light: { accent: '#1d6a6e' }, dark: { accent: '#7fd1cf', onAccent: '#06282a' } };
  const footer = [{ label: 'Terms', url: 'https://shop.example/terms' }];
  const name = { en: 'Celadon House', fr: 'Maison Céladon' };
  writeFileSync(join(folder, 'brand.json'), JSON.stringify({ name, logo: 'logo.png', colours, footer }));
  writeFileSync(join(folder, 'logo.png'), await sharp(Buffer.from(cup)).resize(640, 120).png().toBuffer());
  const french = { language: { name: 'Français' }, live: { buy: { now: 'Acheter' }, saleLabels: { open: 'Ouvert' } } };
  writeFileSync(join(folder, 'words/fr.json'), JSON.stringify(french));
  const arabic = { language: { name: 'العربية' }, live: { buy: { now: 'اشترِ الآن' } } };
  writeFileSync(join(folder, 'words/ar.json'), JSON.stringify(arabic));

  // Published aside, and laid over the stack's own pages: those are everyone's.
  const { url, saleId } = await shop.open('Moon vase', { challenge: 'none' });
  const sale = await shop.connections.catalogue.find(saleId);
  const node = await shop.connections.stock.sale(saleId);
  if (sale === null || node === null) throw new Error('the sale is gone');
  const [brand, now] = [await readBrand(folder), new Date()];
  await publishPages({ sales: async () => [toSaleNode(sale, node)], brand, pagesDir, now });
  const { page, complaints, foreign } = await newShopper(browser, { locale: 'fr-CA' });
  const words: string[] = [];
  await page.route(url, async (route) => {
    const response = await route.fetch(); // with the policy that the edge sends
    await route.fulfill({ response, body: await readFile(join(pagesDir, `sales/${saleId}.html`)) });
  });
  await page.route('**/assets/**', async (route) => {
    const { pathname } = new URL(route.request().url());
    if (pathname.includes('/words.')) words.push(pathname.replace(/^\/assets\/|\.[\w-]+\.json$/g, ''));
    await route.fulfill({ path: join(pagesDir, pathname) });
  });
  await page.addInitScript(recordShifts);
  await page.goto(url);
  await page.locator('[data-testid=buy]:enabled', { hasText: 'Acheter' }).waitFor();
  await page.getByTestId('state').getByText('Ouvert').waitFor();
  expect(await page.title()).toBe('Moon vase · Maison Céladon');
  expect(await page.evaluate('document.documentElement.lang')).toBe('fr');
  await page.getByRole('img', { name: 'Maison Céladon' }).waitFor();
  await page.getByRole('link', { name: 'Terms' }).waitFor(); // one text for all languages
  expect(words).toEqual(['words.fr']);
  expect((await shiftsOf(page)).reduce((sum, { value }) => sum + value, 0)).toBeLessThan(0.01);
  await check(page, 'a shop’s own colours');
  await keepImage(page, 'brand');

  await page.getByTestId('language').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: '中文' }).focus();
  expect(await page.evaluate('document.documentElement.lang')).toBe('fr'); // passing by chooses nothing
  await check(page, 'the list of languages');
  await page.keyboard.press('Enter');
  await page.locator('[data-testid=buy]:enabled', { hasText: '立即抢购' }).waitFor();
  expect(await page.evaluate('document.documentElement.lang')).toBe('zh-Hans');
  expect(words).toEqual(['words.fr', 'words.zh-Hans']);

  // A language that is written from the right turns the page around; what it lacks is read from the left as ever.
  const edges = async () => {
    const boxes = [page.getByRole('link', { name: 'Celadon House' }), page.getByTestId('language')];
    return (await Promise.all(boxes.map((it) => it.boundingBox()))).map((box) => box?.x ?? 0);
  };
  expect(await page.evaluate('document.documentElement.dir')).toBe('');
  const [markLeft = 0, switchLeft = 0] = await edges();
  expect(markLeft).toBeLessThan(switchLeft);
  await page.getByTestId('language').press('Enter');
  await page.getByRole('button', { name: 'العربية' }).press('Enter');
  await page.locator('[data-testid=buy]:enabled', { hasText: 'اشترِ الآن' }).waitFor();
  expect(await page.evaluate('[document.documentElement.lang, document.documentElement.dir]')).toEqual(['ar', 'rtl']);
  expect(words).toEqual(['words.fr', 'words.zh-Hans', 'words.ar.rtl']);
  const [markRight = 0, switchRight = 0] = await edges();
  expect(markRight).toBeGreaterThan(switchRight);
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  await page.locator('[lang=en][dir=ltr]', { hasText: 'Opens' }).first().waitFor();
  await check(page, 'a page from the right');
  expect([complaints, foreign]).toEqual([[], []]);
});
