import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { onTestFinished } from 'vitest';
import { findProgram } from '#infra/stack/host/binaries.ts';

const flags = ['no-sandbox', 'disable-gpu', 'disable-background-networking', 'disable-component-update'];

/** As infra/setup/programs.sh looks for it: the first that answers. */
function browserPath(): string {
  const named = process.env.SECKILL_CHROMIUM;
  const names =
    named === undefined ? ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'] : [named];
  for (const name of names) {
    const found = name.includes('/') ? name : findProgram(name, process.env.PATH ?? '');
    // What Ubuntu calls chromium-browser is a script that asks for a snap.
    if (found !== null && spawnSync(found, ['--version'], { timeout: 20_000 }).status === 0) return found;
  }
  throw new Error(
    `no browser: ${names.join(', ')} not found; run \`npm run setup\`, or set SECKILL_CHROMIUM=/path/to/one`,
  );
}

export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: browserPath(),
    args: [...flags, 'disable-sync', 'no-first-run'].map((flag) => `--${flag}`),
    timeout: 120_000,
  });

export type Shopper = { page: Page; complaints: string[]; foreign: string[] };

/** As `openShopper`, for one test: a page that is left open goes on asking. */
export async function newShopper(browser: Browser, options: BrowserContextOptions = {}): Promise<Shopper> {
  const shopper = await openShopper(browser, options);
  onTestFinished(async () => {
    await shopper.page.context().unrouteAll({ behavior: 'ignoreErrors' });
    await shopper.page.context().close();
  });
  return shopper;
}

/**
 * A new shopper with a phone. `complaints` collects what the console, the policy and the page itself objected to,
 * `foreign` every request to anywhere but the shop.
 */
export async function openShopper(browser: Browser, options: BrowserContextOptions = {}): Promise<Shopper> {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, locale: 'en-US', ...options });
  context.setDefaultTimeout(60_000);
  return watch(await context.newPage());
}

/** The same shopper's next tab. */
export const nextTab = async (page: Page): Promise<Shopper> => watch(await page.context().newPage());

function watch(page: Page): Shopper {
  const complaints: string[] = [];
  const foreign: string[] = [];
  // The browser notes each 503. A page waits one out, as on a machine that stood still: no reason to object.
  const isTold = (text: string) => !/responded with a status of 503/.test(text);
  page.on('console', (message) => {
    if (message.type() === 'error' && isTold(message.text())) complaints.push(message.text());
  });
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

/**
 * Lets the page's time run ahead, a second at a time, until it is `there`: what the page waits for comes at once, and
 * nothing of it is left out. To be used after `page.clock.install()`.
 */
export async function hurry<T>(page: Page, there: Promise<T>): Promise<T> {
  const isThere = there.then(() => true);
  while (!(await Promise.race([isThere, pause(50, false)]))) await page.clock.fastForward(1000);
  return there;
}

export async function answerSum(page: Page): Promise<void> {
  const question = page.getByTestId('question').filter({ hasText: /\d+ \+ \d+/ });
  await question.waitFor();
  const [a, b] = ((await question.textContent()) ?? '').match(/\d+/g) ?? [];
  await page.getByTestId('answer').fill(String(Number(a) + Number(b)));
}

export const inState = (page: Page, state: string) =>
  page.locator(`[data-testid=state][data-state=${state}]`).waitFor();
export const orderInState = (page: Page, state: string) =>
  page.locator(`[data-testid=order-state][data-state=${state}]`).waitFor();

/** Paid, and the answer to the press itself is in, which may come later: until then the page takes no other press. */
export async function isPaid(page: Page): Promise<void> {
  await orderInState(page, 'paid');
  await page.locator('[data-testid=pay]:not([aria-busy=true])').waitFor({ state: 'attached' });
  // What it says of the payment goes with the next second; it stays where the answer knew the end already.
  const silence = page.locator('[data-testid=message]:empty');
  await silence.waitFor({ state: 'attached', timeout: 5000 }).catch(() => undefined);
}

export async function buy(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.locator('[data-testid=buy]:enabled', { hasText: 'Buy now' }).click();
  await page.waitForURL(/\/orders\/shop-/);
}

type AxeResult = { violations: { id: string; impact: string; nodes: { html: string; failureSummary?: string }[] }[] };
const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** What axe-core objects to as serious or critical on the page as it stands, one line each. */
export async function seriousObjections(page: Page): Promise<string[]> {
  // By the debugger: the page's own policy lets no foreign script in.
  if (!(await page.evaluate("'axe' in globalThis"))) await page.evaluate(await readFile(axePath, 'utf8'));
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
