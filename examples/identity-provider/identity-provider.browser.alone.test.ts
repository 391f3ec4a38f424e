import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { signSession } from '#http/authenticate.ts';
import { openShop, type Shop } from '#lab/kits/shop-sale.ts';
import { hurry, launchBrowser, newShopper, orderInState, seriousObjections } from '#lab/kits/shopper.ts';

// The pages of the shared stack lead to the example's sign-in, and are put back.
const stack = inject('stack');
let browser: Browser;
let shop: Shop;

beforeAll(async () => {
  [browser, shop] = await Promise.all([launchBrowser(), openShop(stack, { url: stack.signInUrl })]);
});
afterAll(async () => {
  await browser?.close();
  await shop?.publish({ signIn: undefined });
  await shop?.close();
});

/** Tab, until what is focused has that test id. */
async function tabTo(page: Page, testId: string): Promise<void> {
  const focused = "document.activeElement?.dataset.testid ?? ''";
  for (let n = 0; n < 20; n += 1) {
    if ((await page.evaluate(focused)) === testId) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`no key leads to ${testId}`);
}

async function press(page: Page, testId: string): Promise<void> {
  await tabTo(page, testId);
  await page.keyboard.press('Enter');
}

async function signInAs(page: Page, name: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Name' }).waitFor();
  await page.keyboard.type(name); // it has the focus
  await page.keyboard.press('Enter');
}

const tokenOf = async (page: Page): Promise<string | null> =>
  JSON.parse((await page.evaluate<string | null>("localStorage.getItem('seckill.token')")) ?? 'null');

const logs = () =>
  readdirSync(join(stack.dir, 'logs'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));

test('from a stranger to a paid order by keyboard alone; the token is in no log, no address and no Referer', async () => {
  const { url, saleId } = await shop.open('Signed tea');
  const { page, complaints } = await newShopper(browser);
  const asked: string[] = [];
  page.on('request', (request) => {
    asked.push(request.url());
    void request.allHeaders().then(
      ({ referer }) => asked.push(referer ?? ''),
      () => undefined, // the page was left
    );
  });
  await page.goto(url);
  await page.getByTestId('sign-in').filter({ hasText: 'Sign in to buy' }).waitFor();
  expect(await page.getByTestId('buy').isVisible()).toBe(false);
  await page.getByText('A short question appears here when you have signed in.').waitFor();
  expect(await seriousObjections(page)).toEqual([]);

  await press(page, 'sign-in');
  await signInAs(page, 'ann');
  await page.waitForURL(url); // clean
  const token = (await tokenOf(page)) ?? '';
  expect(token.split('.')).toHaveLength(3);
  const question = page.getByTestId('question').filter({ hasText: /\d+ \+ \d+/ });
  const [a, b] = ((await question.textContent()) ?? '').match(/\d+/g) ?? [];
  await tabTo(page, 'answer');
  await page.keyboard.type(String(Number(a) + Number(b)));
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/orders\/shop-/);
  await orderInState(page, 'awaiting_payment');
  await press(page, 'pay');
  await orderInState(page, 'paid');

  const signature = token.split('.')[2] ?? '';
  expect(asked.filter((text) => text.includes(signature))).toEqual([]);
  const written = logs();
  expect(written.filter((text) => text.includes(saleId)).length).toBeGreaterThanOrEqual(2); // they tell of this purchase
  expect(written.filter((text) => text.includes(signature))).toEqual([]);
  expect(complaints).toEqual([]);

  // Put away, the order is nobody's here; the same shopper comes back to it.
  const order = page.url();
  await press(page, 'sign-out');
  await page.getByRole('heading', { name: 'Sign in to see your order' }).waitFor();
  expect(await tokenOf(page)).toBeNull();
  await press(page, 'sign-in');
  await page.waitForURL(order); // the provider knows ann still
  await orderInState(page, 'paid');
});

const secret = stack.env.SECKILL_SESSION_SECRET ?? '';
const tokenFor = (userId: string, livesSeconds = 3600) => signSession(userId, secret, Date.now(), livesSeconds);

test('a sign-in that ends before the press costs no place: the ticket buys. A stranger’s link changes nothing', async () => {
  const { url } = await shop.open('Hasty cup', { challenge: 'none' });
  const { page, complaints } = await newShopper(browser);
  await page.clock.install();
  const kept = tokenFor('cy', 65);
  await page.addInitScript(`localStorage.setItem('seckill.token', '"${kept}"')`);
  const ticket = page.waitForResponse((response) => response.url().endsWith('/ticket') && response.ok());
  await page.goto(`${url}#token=${tokenFor('eve')}`);
  await page.getByText('A link tried to sign you in').waitFor();
  expect([page.url(), await tokenOf(page)]).toEqual([url, kept]);
  await hurry(page, ticket);
  await page.locator('[data-testid=buy]:enabled', { hasText: 'Buy now' }).waitFor();
  await page.clock.fastForward(70_000);
  await page.getByTestId('sign-in').filter({ hasText: 'Sign in again' }).waitFor();
  await page.getByTestId('buy').click();
  await page.waitForURL(/\/orders\/shop-/);
  expect(complaints).toEqual([]);
});

test('the cookie of the shop’s domain signs in, and out', async () => {
  const { url } = await shop.open('Cookie jar', { challenge: 'none' });
  await shop.publish({ signIn: { url: stack.signInUrl, cookie: 'shop-session' } });
  const { page } = await newShopper(browser);
  await page.context().addCookies([{ name: 'shop-session', value: tokenFor('dan'), url: stack.edgeUrl }]);
  await page.goto(url);
  await page.locator('[data-testid=buy]:enabled', { hasText: 'Buy now' }).click();
  await page.waitForURL(/\/orders\/shop-/);
  await orderInState(page, 'awaiting_payment');
  await page.context().clearCookies();
  await page.reload();
  await page.getByTestId('sign-in').filter({ hasText: 'Sign in to see your order' }).waitFor();
  expect(await tokenOf(page)).toBeNull();
  expect(await seriousObjections(page)).toEqual([]);
});
