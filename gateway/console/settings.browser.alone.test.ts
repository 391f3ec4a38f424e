import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, onTestFailed, test } from 'vitest';
import { consoleOf } from '#infra/stack/stack.ts';
import { seckillJson, untilEdgesFollow } from '#lab/kits/command-line.ts';
import { launchBrowser, openShopper, seriousObjections } from '#lab/kits/shopper.ts';

// What the console shows and changes for all sales: on the shared stack, and put back.
const stack = inject('stack');
let browser: Browser;
let page: Page;

beforeAll(async () => {
  browser = await launchBrowser();
  ({ page } = await openShopper(browser, { viewport: { width: 1440, height: 1000 } }));
  const url = (await consoleOf(stack.dir))?.url ?? '';
  await page.goto(url);
  await page.getByLabel('Token').fill(stack.env.SECKILL_CONSOLE_TOKEN ?? '');
  await page.keyboard.press('Enter');
  await page.getByTestId('link').filter({ hasText: 'live' }).waitFor();
});
afterAll(() => browser?.close());

test('each edge shows the limits that it follows, and a new one as soon as it does', async () => {
  onTestFailed(async () => {
    await untilEdgesFollow(stack.env, 'edge', 'reset', 'inFlight');
  });
  const cells = page.getByTestId('edges').getByRole('cell');
  const inFlight = (limit: string) =>
    expect.poll(() => cells.filter({ hasText: new RegExp(`^${limit}$`) }).count()).toBe(stack.edges.length);
  await inFlight('512');
  await untilEdgesFollow(stack.env, 'edge', 'set', 'inFlight', '511');
  await inFlight('511');
  await untilEdgesFollow(stack.env, 'edge', 'reset', 'inFlight');
  await inFlight('512');
  expect(await cells.filter({ hasText: /burst/ }).count()).toBe(2 * stack.edges.length);
});

test('the drain obeys only after it was asked, and a rate that cannot be is refused', async () => {
  onTestFailed(async () => {
    await seckillJson(stack.env, 'drain', 'resume');
    await seckillJson(stack.env, 'drain', 'rate', '500');
  });
  const settings = () => seckillJson<{ ratePerSecond: number; paused: boolean }>(stack.env, 'drain', 'show');
  await page.getByLabel('Orders a second').fill('250');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').getByText('Store at most 250 orders a second').waitFor();
  expect(await seriousObjections(page)).toEqual([]);
  await page.keyboard.press('Escape');
  expect((await settings()).ratePerSecond).toBe(500);

  await page.getByTestId('set-rate').press('Enter');
  await page.getByTestId('yes').press('Enter');
  await page.getByTestId('drain-says').getByText('Set: 250 orders/s').waitFor();
  expect((await settings()).ratePerSecond).toBe(250);
  await page.getByTestId('drain').getByText('250 orders/s').first().waitFor();

  await page.getByTestId('pause').press('Enter');
  await page.getByTestId('yes').press('Enter');
  await page.getByTestId('drain').getByText('PAUSED').waitFor();
  await page.getByTestId('drain-says').getByText('Set: 250 orders/s, paused.').waitFor();
  await page.getByTestId('resume').press('Enter');
  await page.getByTestId('yes').press('Enter');
  await page.getByTestId('drain-says').getByText('Set: 250 orders/s.').waitFor();
  expect(await settings()).toMatchObject({ ratePerSecond: 250, paused: false });
  await seckillJson(stack.env, 'drain', 'rate', '500');
});
