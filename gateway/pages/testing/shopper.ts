import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const flags = ['no-sandbox', 'disable-gpu', 'disable-background-networking', 'disable-component-update'];

export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [...flags, 'disable-sync', 'no-first-run'].map((flag) => `--${flag}`),
  });

export type Shopper = { page: Page; complaints: string[]; foreign: string[] };

/**
 * A new shopper with a phone. `complaints` collects what the console, the policy and the page itself objected to,
 * `foreign` every request to anywhere but the shop.
 */
export async function newShopper(browser: Browser, options: BrowserContextOptions = {}): Promise<Shopper> {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, locale: 'en-US', ...options });
  return watch(await context.newPage());
}

/** The same shopper's next tab. */
export const nextTab = async (page: Page): Promise<Shopper> => watch(await page.context().newPage());

function watch(page: Page): Shopper {
  const complaints: string[] = [];
  const foreign: string[] = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    const { hostname } = new URL(request.url());
    if (hostname !== '127.0.0.1' && !request.url().startsWith('data:')) foreign.push(request.url());
  });
  return { page, complaints, foreign };
}

export async function answerSum(page: Page): Promise<void> {
  const question = page.getByTestId('question').filter({ hasText: /\d+ \+ \d+/ });
  await question.waitFor();
  const [a, b] = ((await question.textContent()) ?? '').match(/\d+/g) ?? [];
  await page.getByTestId('answer').fill(String(Number(a) + Number(b)));
}

export const inState = (page: Page, state: string) =>
  page.locator(`[data-testid=state][data-state=${state}]`).waitFor({ timeout: 30_000 });
export const orderInState = (page: Page, state: string) =>
  page.locator(`[data-testid=order-state][data-state=${state}]`).waitFor({ timeout: 30_000 });

export async function buy(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.locator('[data-testid=buy]:enabled', { hasText: 'Buy now' }).click({ timeout: 30_000 });
  await page.waitForURL(/\/orders\/shop-/, { timeout: 30_000 });
}

type AxeResult = { violations: { id: string; impact: string; nodes: { html: string; failureSummary?: string }[] }[] };
const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** What axe-core objects to as serious or critical on the page as it stands, one line each. */
export async function seriousObjections(page: Page): Promise<string[]> {
  // By the debugger: the page's own policy lets no foreign script in.
  await page.evaluate(await readFile(axePath, 'utf8'));
  const { violations } = await page.evaluate<AxeResult>("axe.run(document, { resultTypes: ['violations'] })");
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary ?? ''}`));
}

/** To be run before the page loads: from then on the browser adds up by how much things moved (CLS). */
export const recordShifts = `
  globalThis.shifts = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (!entry.hadRecentInput) shifts.push({ value: entry.value, of: entry.sources?.map(({ node }) => node?.outerHTML?.slice(0, 120)) });
    }
  }).observe({ type: 'layout-shift', buffered: true });
`;
export const shiftsOf = (page: Page) => page.evaluate<{ value: number; of: string[] }[]>('shifts');
