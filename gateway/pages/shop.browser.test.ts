import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';

const stack = inject('stack');
const run = promisify(execFile);
const flags = ['no-sandbox', 'disable-gpu', 'disable-background-networking', 'disable-component-update'];
let browser: Browser;
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seckill-shop-'));
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [...flags, 'disable-sync', 'no-first-run'].map((flag) => `--${flag}`),
  });
});
afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

async function seckill(...command: string[]): Promise<void> {
  const main = join(import.meta.dirname, '../../infra/cli/main.ts');
  await run(process.execPath, [main, ...command], { env: { ...process.env, ...stack.env }, timeout: 60_000 });
}

/** A sale of its own for each test, with its page out and its doors open at `opensInMs` from now. */
async function openSale(
  title: string,
  change: { opensInMs?: number; units?: number; challenge?: 'none' | 'quiz' } = {},
) {
  const { opensInMs = -60_000, units = 5, challenge = 'quiz' } = change;
  const saleId = `shop-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 6)}`;
  const opensAt = new Date(Date.now() + opensInMs);
  const file = join(folder, `${saleId}.json`);
  const sale = {
    saleId,
    title,
    price: { amount: 199_900, currency: 'CNY' },
    units,
    opensAt: opensAt.toISOString(),
    closesAt: new Date(opensAt.getTime() + 3_600_000).toISOString(),
    challenge,
  };
  await writeFile(file, JSON.stringify(sale));
  await seckill('sale', 'create', file);
  await seckill('stock', 'preload', saleId);
  await seckill('pages', 'publish', saleId);
  await seckill('sale', 'open', saleId);
  return { saleId, url: `${stack.edgeUrl}/sales/${saleId}` };
}

/** A new shopper; `complaints` collects what the console, the policy and the page itself objected to. */
async function shopper(): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return { page, complaints };
}

async function answerQuestion(page: Page): Promise<void> {
  const question = page.getByTestId('question').filter({ hasText: /\d+ \+ \d+/ });
  await question.waitFor();
  const [a, b] = ((await question.textContent()) ?? '').match(/\d+/g) ?? [];
  await page.getByTestId('answer').fill(String(Number(a) + Number(b)));
}

const waitForOrder = (page: Page) =>
  page.locator('[data-testid=order-state][data-state=awaiting_payment]').waitFor({ timeout: 30_000 });

test('a shopper answers, buys and sees the order wait for payment, with a clean console', async () => {
  const { url } = await openSale('Tea set <script>alert(1)</script>');
  const { page, complaints } = await shopper();
  await page.goto(url);
  await answerQuestion(page);
  await page.getByTestId('buy').dblclick();
  await page.waitForURL(/\/orders\/shop-/);
  await waitForOrder(page);
  expect(await page.getByTestId('place').textContent()).toBe('1');
  expect(await page.getByTestId('amount').textContent()).toBe('¥1,999.00');
  expect(await page.getByTestId('countdown').textContent()).toMatch(/^00:1\d:\d\d$/);
  expect(complaints).toEqual([]);
});

test('the button comes alive at the opening without a reload, and the answer given before still holds', async () => {
  const { url } = await openSale('Walnut lamp', { opensInMs: 25_000 });
  const { page, complaints } = await shopper();
  await page.goto(url);
  await page.locator('[data-testid=state][data-state=upcoming]').waitFor();
  await answerQuestion(page);
  await page.getByTestId('buy').click();
  await page.getByText('You are ready', { exact: true }).waitFor();
  expect(await page.getByTestId('buy').isDisabled()).toBe(true);
  await page.locator('[data-testid=buy]:enabled', { hasText: 'Buy now' }).click({ timeout: 40_000 });
  await page.waitForURL(/\/orders\/shop-/);
  await waitForOrder(page);
  expect(complaints).toEqual([]);
});

test('who comes after the last unit is told so on a page that is still open', async () => {
  const { url } = await openSale('Last pan', { units: 1, challenge: 'none' });
  const [first, second] = [await shopper(), await shopper()];
  await first.page.goto(url);
  await second.page.goto(url);
  await first.page.locator('[data-testid=buy]:enabled').click();
  await first.page.waitForURL(/\/orders\/shop-/);
  await second.page.locator('[data-testid=state][data-state=sold_out]').waitFor({ timeout: 15_000 });
  expect(await second.page.getByTestId('buy').isDisabled()).toBe(true);
  expect([...first.complaints, ...second.complaints]).toEqual([]);
});
