import { mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { edgeCounts } from '#contract/edge-counts.ts';
import { newOrderId } from '#contract/order.ts';
import { consoleOf } from '#infra/stack/stack.ts';
import { openShop, type Shop } from '#lab/kits/shop-sale.ts';
import { launchBrowser, newShopper, openShopper, type Shopper, seriousObjections } from '#lab/kits/shopper.ts';
import { stackUnderTest } from '#lab/servers/stack-under-test.ts';
import { runCrowd } from '#loadtest/crowd/crowd.ts';
import { parseSamples } from '#runtime/prometheus-text.ts';

const stack = stackUnderTest();
const token = stack.env.SECKILL_CONSOLE_TOKEN ?? '';
/** `KEEP_IMAGES=true` renews the picture of the documentation. */
const imagesDir = join(
  import.meta.dirname,
  process.env.KEEP_IMAGES === 'true' ? '../../docs/images' : '../../.run/screens',
);
let url: string;
let saleId: string;
let shop: Shop;
let browser: Browser;
let ops: Shopper;
let page: Page;

const desk = { viewport: { width: 1440, height: 1000 } };

beforeAll(async () => {
  mkdirSync(imagesDir, { recursive: true });
  url = (await consoleOf(stack.dir))?.url ?? '';
  shop = await openShop(stack);
  ({ saleId } = await shop.open('The autumn phone', { units: 60, opensInMs: -1000 }));
  await shop.open('The winter phone', { opensInMs: 3_000_000 });
  browser = await launchBrowser();
  ops = await openShopper(browser, desk);
  page = ops.page;
});
afterAll(async () => {
  await browser?.close();
  await shop?.close();
});

const crowd = (shoppers: number, payShare = 0) =>
  runCrowd({ edgeUrl: stack.edgeUrl, saleId, shoppers, payShare, connections: 16, onProgress: () => undefined });
const figure = async (id: string) => Number((await page.getByTestId(id).textContent())?.replaceAll(',', ''));
/** What the edges themselves have counted: a shopper who is told to wait asks again, so the number is not known beforehand. */
const counted = async () => {
  const pages = await Promise.all(stack.edges.map(async ({ innerUrl }) => (await fetch(`${innerUrl}/metrics`)).text()));
  return edgeCounts(pages.flatMap(parseSamples), saleId);
};
const dialog = () => page.getByRole('dialog');

test('without the token there is a form and nothing else; a wrong one is refused in words', async () => {
  const answer = await page.goto(url);
  expect(answer?.status()).toBe(401);
  expect(await page.getByTestId('funnel').count()).toBe(0);
  expect(await seriousObjections(page)).toEqual([]);
  await page.getByLabel('Token').fill('not the token');
  await page.keyboard.press('Enter');
  await page.getByTestId('says').filter({ hasText: 'This is not the token' }).waitFor();
  expect(await seriousObjections(page)).toEqual([]);

  await page.getByLabel('Token').fill(token);
  await page.keyboard.press('Enter');
  await page.waitForURL(url);
  await page.getByTestId('link').filter({ hasText: 'live' }).waitFor();
  const [cookie] = await page.context().cookies(url);
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/console' });
  expect(cookie?.value).not.toContain(token);
  ops.complaints.length = 0; // the browser says of each 401 that it came
});

test('it opens on a sale that is open while others are still to come, and keeps the choice over a reload', async () => {
  await page.getByTestId('sale-state').filter({ hasText: 'open' }).waitFor();
  expect(new URL(page.url()).hash).toBe('');
  await page.getByTestId('sale').selectOption(saleId);
  await page.getByLabel('Show').selectOption('900');
  await page.reload();
  await page.getByTestId('sale-facts').filter({ hasText: 'The autumn phone' }).waitFor();
  expect([await page.getByTestId('sale').inputValue(), await page.getByLabel('Show').inputValue()]).toEqual([
    saleId,
    '900',
  ]);
});

test('a sale that sells is seen step by step, edges and stock with it', async () => {
  await page.getByTestId('sale').selectOption(saleId);
  await page.getByTestId('sale-state').filter({ hasText: 'open' }).waitFor();
  const edges = page.getByTestId('edges');
  await expect.poll(() => edges.getByText('follows', { exact: true }).count()).toBe(stack.edges.length);
  await expect.poll(() => edges.getByText(/^epoch \d+, open$/).count()).toBe(stack.edges.length);

  for (let nth = 0; nth < 8; nth += 1) await crowd(5, 0.4);
  await expect.poll(() => figure('accepted')).toBe(40);
  await expect.poll(() => figure('stored')).toBe(40);
  await expect.poll(() => figure('paid')).toBe(16);
  // The edge adds its counters up a few times a second: what it says right after a crowd may be from before.
  await expect.poll(async () => (await counted()).arrived).toBeGreaterThanOrEqual(40);
  await expect.poll(async () => (await figure('arrived')) - (await counted()).arrived).toBe(0);
  await page.getByTestId('sale-facts').filter({ hasText: '20 of 60 free' }).waitFor();

  await crowd(60);
  await crowd(40);
  await page.getByTestId('sale-state').filter({ hasText: 'sold_out' }).waitFor();
  await expect.poll(() => figure('accepted')).toBe(60);
  const uncounted = async () => {
    const { shed, passed } = await counted();
    const all = Object.values(shed).reduce((sum, each) => sum + each, 0);
    return [all - (await figure('shed')), passed - (await figure('passed'))];
  };
  await expect.poll(async () => (await counted()).arrived).toBeGreaterThanOrEqual(140);
  await expect.poll(uncounted).toEqual([0, 0]);
  for (const chart of ['flow', 'shed', 'units', 'lag']) {
    await page.getByTestId(`chart-${chart}`).locator('canvas').waitFor();
  }
  // No pointer is on a chart: its legend says how it is now.
  const legend = page.getByTestId('chart-units').locator('.u-legend .u-value');
  const says = async () => (await legend.allInnerTexts()).slice(1); // the first is the time
  await expect.poll(says).toEqual(['0', '0', '60', '16', '0']); // free, queued, stored, paid, expired
});

test('what was shed can be read without the chart, reason by reason, and reached by keyboard', async () => {
  const region = page.getByRole('region', { name: 'Shed, by reason' });
  const tableOf = async () =>
    Promise.all(
      (await region.getByRole('row').all()).slice(1).map(async (row) => ({
        reason: await row.getByRole('rowheader').textContent(),
        soFar: Number((await row.getByRole('cell').first().textContent())?.replaceAll(',', '')),
      })),
    );
  let rows: Awaited<ReturnType<typeof tableOf>> = [];
  await expect
    .poll(async () => {
      rows = await tableOf();
      return rows.reduce((total, { soFar }) => total + soFar, 0) - (await figure('shed'));
    })
    .toBe(0);
  expect(rows[0]).toEqual({ reason: 'sold_out', soFar: expect.any(Number) });
  expect(rows.map(({ soFar }) => soFar)).toEqual(rows.map(({ soFar }) => soFar).toSorted((a, b) => b - a));
  await page.getByLabel('Show').focus();
  await page.keyboard.press('Tab');
  expect(await page.evaluate("document.activeElement?.getAttribute('aria-label')")).toBe('Shed, by reason');
});

test('the hour can be looked back on, by keyboard', async () => {
  const slider = page.getByLabel('Look back');
  await slider.focus();
  await page.keyboard.press('Home');
  await page.getByTestId('moment').filter({ hasText: 'nothing is known' }).waitFor();
  expect(await page.getByTestId('accepted').textContent()).toBe('?');
  await page.getByRole('button', { name: 'Back to now' }).press('Enter');
  await expect.poll(() => figure('accepted')).toBe(60);
  expect(await page.getByTestId('moment').textContent()).toBe('now');
});

test('the audit is at a click, and says what it checked', async () => {
  await page.getByTestId('audit').press('Enter');
  const result = page.getByTestId('audit-result');
  await result.getByText('balanced').waitFor();
  expect(await result.textContent()).toContain('I1 total 60 = free 0');
});

test('a dead letter is counted, listed with its reason, and put back at a click', async () => {
  const queue = await shop.connections.queue();
  const orderId = newOrderId('never-made', Date.now());
  const order = { orderId, saleId: 'never-made', userId: 'u', quantity: 1, place: 1, acceptedAt: Date.now() };
  await queue.add('order', order, { jobId: orderId, attempts: 1 });
  const hasFailed = async () => (await queue.getJob(orderId))?.isFailed();
  await expect.poll(hasFailed).toBe(true);
  await page
    .getByTestId('dead-counts')
    .getByText(/^orders: \d+$/)
    .waitFor();
  await page.getByTestId('dead-list').press('Enter');
  const letters = page.getByTestId('dead-letters');
  await letters.getByText(orderId).first().waitFor();
  await letters
    .getByText(/^1 try, /)
    .first()
    .waitFor();
  expect(await seriousObjections(page)).toEqual([]);
  await page.getByRole('button', { name: `Retry ${orderId} of orders` }).press('Enter');
  await dialog().getByText(`Put ${orderId} back into orders`).waitFor();
  await page.getByTestId('yes').press('Enter');
  await page.getByTestId('dead-says').getByText('1 back in the queue').waitFor();
  // It fails again, as it must.
  await expect.poll(hasFailed).toBe(true);
  await (await queue.getJob(orderId))?.remove();
  await page.getByTestId('dead-list').press('Enter');
  await expect.poll(() => page.getByTestId('dead-letters').getByText(orderId).count()).toBe(0);
});

test.each(['light', 'dark'] as const)('axe-core finds nothing serious, %s; kept as a picture', async (colorScheme) => {
  await page.emulateMedia({ colorScheme });
  await page.getByTestId('chart-flow').locator('canvas').waitFor();
  expect(await seriousObjections(page)).toEqual([]);
  const png = await page.screenshot({ fullPage: true });
  const file = join(imagesDir, colorScheme === 'light' ? 'console.png' : 'console-dark.png');
  if (process.env.KEEP_IMAGES !== 'true') await writeFile(file, png);
  else if (colorScheme === 'light') {
    await sharp(png).png({ palette: true, colours: 64, compressionLevel: 9, effort: 10 }).toFile(file);
  }
});

test('a narrow window scrolls nothing sideways', async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  // The charts follow a frame later.
  await expect.poll(() => page.evaluate('document.documentElement.scrollWidth')).toBe(390);
  await page.setViewportSize(desk.viewport);
});

test('the queues are shown beside it, behind the same door, and cannot be changed', async () => {
  const stranger = await newShopper(browser, desk);
  expect((await stranger.page.goto(`${url}/queues`))?.status()).toBe(401);

  const answer = await page.goto(`${url}/queues`);
  expect(answer?.headers()['content-security-policy']).toContain("script-src 'self';");
  await page.getByText('orders', { exact: true }).first().waitFor();
  if (process.env.KEEP_IMAGES !== 'true') await page.screenshot({ path: join(imagesDir, 'queues.png') });
  const list = await page.request.get(`${url}/queues/api/queues`);
  const { queues } = (await list.json()) as { queues: { name: string; readOnlyMode: boolean }[] };
  expect(queues.map(({ name }) => name)).toEqual(expect.arrayContaining(['orders', 'order-expiry', 'refunds']));
  expect(queues.every(({ readOnlyMode }) => readOnlyMode)).toBe(true);
  const pause = await page.request.put(`${url}/queues/api/queues/orders/pause`, {
    headers: { origin: new URL(url).origin },
  });
  expect(pause.status()).toBe(405);
});

test('the API reference is beside it, as well to read', async () => {
  await page.goto(new URL('/reference', url).href);
  await page.getByRole('heading', { name: 'API reference' }).waitFor();
  expect(await seriousObjections(page)).toEqual([]);
});

test('nothing was asked of anybody else, and the policy had nothing to object to', async () => {
  expect(ops.foreign).toEqual([]);
  expect(ops.complaints).toEqual([]);
});

test('signing out ends it', async () => {
  await page.goto(url);
  await page.getByRole('button', { name: 'Sign out' }).press('Enter');
  await page.getByLabel('Token').waitFor();
  expect((await page.request.get(`${url}/api/history?sale=${saleId}`)).status()).toBe(401);
});
