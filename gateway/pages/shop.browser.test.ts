import { generate } from 'lean-qr';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest';
import { keepImage } from '#lab/kits/keep-image.ts';
import { sandboxControl } from '#lab/kits/payment-sandbox.ts';
import { openShop, type Shop } from '#lab/kits/shop-sale.ts';
import {
  answerSum,
  buy,
  hurry,
  inState,
  isPaid,
  launchBrowser,
  newShopper,
  nextTab,
  orderInState,
  seriousObjections,
} from '#lab/kits/shopper.ts';

const stack = inject('stack');
let browser: Browser;
let shop: Shop;
/** A sale for those who change nothing but an order of their own. */
let scarfUrl: string;

beforeAll(async () => {
  [browser, shop] = await Promise.all([launchBrowser(), openShop(stack)]);
  ({ url: scarfUrl } = await shop.open('Silk scarf', { units: 20, challenge: 'none' }));
});
afterAll(async () => {
  await browser?.close();
  await shop?.close();
});

const unitsLeft = async (saleId: string) => (await shop.connections.stock.sale(saleId))?.free;

test('a shopper answers, double-clicks, and has one order that waits for payment; nothing foreign is asked', async () => {
  const { url, saleId } = await shop.open('"Tea" & cups, 5 < 6: it\'s real');
  const { page, complaints, foreign } = await newShopper(browser);
  await page.goto(url);
  await answerSum(page);
  expect(await page.getByTestId('my-orders').isVisible()).toBe(true); // as soon as somebody is signed in
  await page.getByTestId('buy').dblclick();
  await page.waitForURL(/\/orders\/shop-/);
  await orderInState(page, 'awaiting_payment');
  expect(await page.getByTestId('place').textContent()).toBe('1');
  expect(await page.getByTestId('amount').textContent()).toBe('¥1,999.00');
  expect(await page.getByTestId('countdown').textContent()).toMatch(/^00:1\d:\d\d$/);
  expect(await unitsLeft(saleId)).toBe(4);
  expect([complaints, foreign]).toEqual([[], []]);
});

test('the button comes alive by the server’s clock, without a reload, also where the visitor’s clock is an hour off', async () => {
  const { url, saleId } = await shop.open('Walnut lamp', { opensInMs: 100_000 });
  const { page, complaints } = await newShopper(browser);
  await page.clock.install({ time: Date.now() + 3_600_000 });
  let isTold = true;
  await page.route(`**/api/sales/${saleId}`, async (route) => {
    const response = await route.fetch();
    if (isTold) await route.fulfill({ response });
  });
  await page.goto(url);
  await inState(page, 'upcoming');
  const countdown = () => page.getByTestId('countdown').textContent();
  await expect.poll(countdown).toMatch(/^00:0[01]:[0-5]\d$/); // the page as published says `upcoming` already
  await hurry(page, answerSum(page));
  await page.getByTestId('buy').click();
  await page.getByText('You are ready', { exact: true }).waitFor();

  // From here on the server tells it nothing. The opening comes sooner than it knows, for a request is made when it opens.
  isTold = false;
  await page.clock.pauseAt((await page.evaluate<number>('Date.now()')) + 10_000);
  await shop.openNow(saleId);
  const [, minutes, seconds] = ((await countdown()) ?? '').split(':').map(Number);
  await page.clock.fastForward(((minutes ?? 0) * 60 + (seconds ?? 0) - 2) * 1000);
  expect(await countdown()).toBe('00:00:02');
  expect(await page.getByTestId('buy').isDisabled()).toBe(true);
  await page.clock.fastForward(2000);
  expect(await countdown()).toMatch(/^00:59:5\d$|^01:00:00$/);
  await page.clock.resume();
  await page.locator('[data-testid=buy]:enabled', { hasText: 'Buy now' }).click();
  await page.waitForURL(/\/orders\/shop-/);
  await orderInState(page, 'awaiting_payment');
  expect(complaints).toEqual([]);
});

test('a lost answer is asked for again with the same ticket (I5)', async () => {
  const { url, saleId } = await shop.open('Copper pan', { challenge: 'none' });
  const { page } = await newShopper(browser);
  const tickets: (string | undefined)[] = [];
  await page.route('**/api/sales/*/orders', async (route) => {
    tickets.push(route.request().headers()['seckill-ticket']);
    if (tickets.length > 1) return route.continue();
    // The shop hears it, the shopper never does.
    await route.fetch();
    return route.abort('connectionreset');
  });
  await buy(page, url);
  await orderInState(page, 'awaiting_payment');
  expect(tickets.length).toBeGreaterThanOrEqual(2);
  expect(new Set(tickets).size).toBe(1);
  expect(await unitsLeft(saleId)).toBe(4);
});

test('two tabs and the back button know of one order', async () => {
  const first = await newShopper(browser);
  const second = await nextTab(first.page);
  await first.page.clock.install(); // for both
  // One answer is lost on the way: the tab asks again.
  await second.page.route('**/api/orders/*', (route) => route.abort('connectionreset'), { times: 1 });
  await second.page.goto(scarfUrl);
  await second.page.locator('[data-testid=buy]:enabled', { hasText: 'Buy now' }).waitFor();
  await buy(first.page, scarfUrl);
  await hurry(second.page, second.page.getByRole('button', { name: 'See your order' }).waitFor());
  await first.page.goBack();
  await first.page.getByRole('button', { name: 'See your order' }).click();
  await first.page.waitForURL(/\/orders\/shop-/);
  await second.page.getByRole('button', { name: 'See your order' }).click();
  await second.page.waitForURL(/\/orders\/shop-/);
  expect(second.page.url()).toBe(first.page.url());
});

test('who comes after the last unit is told so on a page that is still open, and so is who presses', async () => {
  const { url } = await shop.open('Last pan', { units: 1, challenge: 'none' });
  const [first, second] = [await newShopper(browser), await newShopper(browser)];
  await second.page.clock.install();
  await second.page.goto(url);
  await second.page.locator('[data-testid=buy]:enabled', { hasText: 'Buy now' }).waitFor();
  await buy(first.page, url);
  await second.page
    .getByTestId('buy')
    .click({ timeout: 2000 })
    .catch(() => undefined); // it may know already
  await hurry(second.page, inState(second.page, 'sold_out'));
  await second.page.locator('[data-testid=buy]:disabled').waitFor(); // its own press may still be under way

  // The unit comes back: the page says so and the button lives.
  await first.page.getByTestId('cancel').click();
  await first.page.getByTestId('cancel').click();
  await orderInState(first.page, 'cancelled');
  await hurry(second.page, second.page.getByText('An item came back. The sale is open again.').waitFor());
  await second.page.locator('[data-testid=buy]:enabled', { hasText: 'Buy now' }).click();
  await second.page.waitForURL(/\/orders\/shop-/);
  await orderInState(second.page, 'awaiting_payment');
});

test('paying and returning: the order page says each step by itself', async () => {
  const { page, complaints } = await newShopper(browser);
  await buy(page, scarfUrl);
  await orderInState(page, 'awaiting_payment');
  await page.getByTestId('pay').dblclick();
  await isPaid(page);
  expect(await page.getByTestId('pay').isVisible()).toBe(false);
  await page.getByRole('button', { name: 'Print a receipt' }).waitFor();
  expect(await seriousObjections(page)).toEqual([]);
  expect(await onPaper(page)).toMatch(
    /^Flash sale\nReceipt\nOrder number\nshop-[\w-]+\nItem\nSilk scarf\nQuantity\n1\nAmount\n¥1,999.00 CNY\nStatus\nPaid\nOrdered\n[^\n]+\nPrinted\n[^\n]+$/,
  );
  expect((await page.pdf()).toString('latin1').match(/\/Type \/Page\b/g)).toHaveLength(1);
  await page.getByTestId('refund').click();
  await page.getByText('Press “Get a refund” again to confirm').waitFor();
  await page.getByTestId('refund').click();
  await orderInState(page, 'refunded');
  await page.getByTestId('language').click();
  await page.getByRole('button', { name: '打印购物凭证' }).waitFor();
  const chinese = await onPaper(page);
  expect(chinese).toMatch(/购物凭证\n订单号\n.*订单状态\n已退款\n下单时间\n/s);
  expect(chinese).not.toMatch(/Receipt|Refunded|Printed/);
  expect(complaints).toEqual([]);
});

/** What can be read on the page when it is printed. */
async function onPaper(page: Page): Promise<string> {
  await page.emulateMedia({ media: 'print' });
  const text = await page.evaluate<string>('document.body.innerText');
  await page.emulateMedia({ media: null });
  return text.replaceAll(/\s*\n\s*/g, '\n').trim();
}

test('a sale that asks for contact and address: filled in by keyboard, each mistake said beside its field, then paid', async () => {
  const { url, saleId } = await shop.open('Wool coat', {
    challenge: 'none',
    collect: ['name', 'email', 'phone', 'address'],
  });
  const { page, complaints } = await newShopper(browser);
  await buy(page, url);
  await orderInState(page, 'awaiting_payment');
  await page.getByTestId('details').waitFor();
  expect(await page.getByTestId('pay').isVisible()).toBe(false);
  const { keyboard } = page;
  const fill = async (...texts: string[]) => {
    for (const text of texts) {
      await keyboard.press('ControlOrMeta+a');
      await keyboard.type(text);
      await keyboard.press('Tab');
    }
  };
  await page.getByLabel('Name').focus();
  await fill('<b>Ada</b>', 'ada at home', '+44 20 7946 0000');
  await keyboard.type('Germany'); // a list takes what is typed
  await keyboard.press('Tab');
  await fill('Straße 1');
  await keyboard.press('Enter');
  // The first that is wrong has the focus, and says what to do.
  await page.getByText('Please check the email address').waitFor();
  const focused = () => page.evaluate<string>('document.activeElement.name');
  expect(await focused()).toBe('email');
  const email = page.getByLabel('Email');
  expect([await email.getAttribute('aria-invalid'), await email.getAttribute('aria-describedby')]).toEqual([
    'true',
    'details-email-problem',
  ]);
  expect(await page.getByText('Please fill this in.').count()).toBe(2); // city, postal code
  await fill('ada@home.example');
  await page.getByLabel('City').focus();
  await fill('Berlin\u202e', '', '10115');
  await keyboard.press('Enter');
  // What only the server can say is said in the same place.
  await page.getByText('remove unusual characters').waitFor();
  expect(await focused()).toBe('address.city');
  await fill('Berlin');
  await keyboard.press('Enter');
  await page.getByTestId('change-details').waitFor();
  expect(
    await page.evaluate('Object.values(localStorage).join() + Object.values(sessionStorage).join()'),
  ).not.toContain('Ada');
  await page.waitForFunction("document.activeElement.dataset.testid === 'pay'");
  await keyboard.press('Enter');
  await isPaid(page);
  const { rows } = await shop.connections.pool.query('SELECT key_id FROM order_details WHERE sale_id = $1', [saleId]);
  expect(rows).toEqual([{ key_id: 'p1' }]);
  expect(complaints.filter((each) => !each.includes('400'))).toEqual([]); // the browser's own line about the refusal
});

test('a payment that is declined says so as soon as the provider does, also on a page that is opened later; the next press pays', async () => {
  const { url, saleId } = await shop.open('Brass bell', { challenge: 'none' });
  const { SECKILL_PAYMENT_URL: provider = '', SECKILL_PAYMENT_API_KEY: key = '' } = stack.env;
  const sandbox = sandboxControl(provider, key);
  await sandbox.behave({ rules: [{ orderStartsWith: saleId, behaviour: { decline: 1 } }] });
  const { page, complaints } = await newShopper(browser);
  await page.clock.install(); // its time stands still: what it says, it was told
  const declined = (on: Page) =>
    on.getByTestId('message').filter({ hasText: 'Your card was declined. Nothing was charged.' });
  try {
    await buy(page, url);
    await orderInState(page, 'awaiting_payment');
    const isOpen = page.waitForResponse((response) => response.url().endsWith('/events') && response.ok());
    await hurry(page, isOpen);
    await page.clock.pauseAt(await page.evaluate<number>('Date.now() + 1000'));
    await page.getByTestId('pay').click();
    await declined(page).waitFor();
  } finally {
    await sandbox.behave({});
  }
  const later = await nextTab(page);
  await later.page.goto(page.url());
  await declined(later.page).waitFor();
  await later.page.getByTestId('pay').click();
  await isPaid(later.page);
  expect(complaints).toEqual([]);
});

/** A sale whose payments need their shopper, until the test ends. */
async function openSaleOf(interaction: 'redirect' | 'qr', title: string) {
  const opened = await shop.open(title, { challenge: 'none' });
  const { SECKILL_PAYMENT_URL: provider = '', SECKILL_PAYMENT_API_KEY: key = '' } = stack.env;
  const sandbox = sandboxControl(provider, key);
  onTestFinished(async () => void (await sandbox.behave({})));
  await sandbox.behave({ rules: [{ orderStartsWith: opened.saleId, behaviour: { interaction } }] });
  return { ...opened, sandbox };
}
const onProvidersPage = (page: Page, press: string) => page.getByRole('button', { name: press }).click();
const says = (page: Page, text: string) => page.getByTestId('message').filter({ hasText: text }).waitFor();
const payIs = (page: Page, label: string) => page.getByTestId('pay').filter({ hasText: label }).waitFor();

test('a payment on the provider’s page: declined with its reason, left, paid; only a press leads there', async () => {
  const { url } = await openSaleOf('redirect', 'Oak & "elm" <3');
  const { page, complaints, foreign } = await newShopper(browser);
  await buy(page, url);
  await orderInState(page, 'awaiting_payment');
  const order = page.url();
  const isBack = () => page.waitForURL(order); // and the address says no more of the way

  await page.getByTestId('pay').dblclick();
  await page.waitForURL(/\/pay\/[\w-]+$/);
  expect(await page.getByRole('heading').textContent()).toBe('Oak & "elm" <3');
  expect(await seriousObjections(page)).toEqual([]);
  await onProvidersPage(page, 'Not enough money');
  await isBack();
  await says(page, 'The card or account did not have enough money. Nothing was charged.');
  await payIs(page, 'Try again');

  await page.getByTestId('pay').click();
  await onProvidersPage(page, 'Leave');
  await isBack();
  for (const _look of ['back', 'reloaded']) {
    await says(page, 'This payment is not finished.');
    await payIs(page, 'Continue payment');
    await page.reload();
  }
  const tab = await nextTab(page);
  await tab.page.goto(order);
  await says(tab.page, 'This payment is not finished.');

  await page.getByTestId('pay').click();
  await onProvidersPage(page, 'Pay');
  await isBack();
  await orderInState(page, 'paid');
  await orderInState(tab.page, 'paid'); // by its stream
  expect([complaints, tab.complaints, foreign]).toEqual([[], [], []]);
});

test('a return that is none: twice, after the end, without a session, from another device; each has its words, nothing moves', async () => {
  const { url, saleId, sandbox } = await openSaleOf('redirect', 'Elm stool');
  const { page } = await newShopper(browser);
  await buy(page, url);
  await orderInState(page, 'awaiting_payment');
  const order = page.url();
  await page.getByTestId('pay').click();
  await onProvidersPage(page, 'Give up');
  for (let times = 0; times < 2; times += 1) {
    await says(page, 'The payment was not finished. Nothing was charged.');
    await page.goto(`${order}?from=payment`);
  }
  await says(page, 'The payment was not finished. Nothing was charged.');
  expect(page.url()).toBe(order);

  const stranger = await newShopper(browser);
  await stranger.page.goto(`${order}?from=payment`);
  await says(stranger.page, 'Your payment is not lost');
  await stranger.page.evaluate("localStorage.setItem('seckill.token', JSON.stringify('forged.forged.forged'))");
  await stranger.page.clock.install();
  await stranger.page.goto(`${order}?from=payment`);
  await hurry(stranger.page, says(stranger.page, 'Your payment is not lost'));
  expect(await stranger.page.getByTestId('order-state').textContent()).toBe('Order not found');

  await cancelBehind(page);
  await orderInState(page, 'cancelled');
  await page.goto(`${order}?from=payment`);
  await says(page, 'your money comes back by itself');
  expect((await sandbox.books(saleId)).payments).toHaveLength(1);
});

test('a QR code is drawn on the page, comes again after a reload, and goes when the stream says paid', async () => {
  const { url, saleId, sandbox } = await openSaleOf('qr', 'Jade cup');
  const { page, complaints, foreign } = await newShopper(browser, { hasTouch: true, isMobile: true });
  await buy(page, url);
  await orderInState(page, 'awaiting_payment');
  for (const label of ['Pay now', 'Continue payment']) {
    await payIs(page, label);
    expect(await page.getByTestId('scan').isVisible()).toBe(false);
    await page.getByTestId('pay').click();
    await says(page, 'Scan the code');
    const [payment] = (await sandbox.books(saleId)).payments;
    const text = payment?.next.kind === 'qr' ? payment.next.text : '';
    expect(await page.locator('[data-testid=qr] path').getAttribute('d')).toBe(squaresOf(text));
    expect(await page.getByTestId('open-app').getAttribute('href')).toBe(text);
    expect(await page.getByRole('link', { name: 'Open the payment app' }).boundingBox()).toMatchObject({ height: 48 });
    expect(await page.getByRole('img', { name: 'QR code for this payment' }).isVisible()).toBe(true);
    expect(await seriousObjections(page)).toEqual([]);
    await keepImage(page, 'order-qr');
    if (label === 'Pay now') await page.reload();
  }
  const app = await nextTab(page);
  await app.page.goto((await page.getByTestId('open-app').getAttribute('href')) ?? '');
  await onProvidersPage(app.page, 'Pay');
  await isPaid(page);
  await page.getByTestId('scan').waitFor({ state: 'hidden' });
  expect([complaints, foreign]).toEqual([[], []]);
});

/** The dark squares of a text's code, as the page draws them. */
function squaresOf(text: string): string {
  const code = generate(text);
  const places = Array.from({ length: code.size ** 2 }, (_, at) => [at % code.size, Math.floor(at / code.size)]);
  return places.map(([x = 0, y = 0]) => (code.get(x, y) ? `M${x} ${y}h1v1h-1z` : '')).join('');
}

test('a question ends with what it asked about, and its second press with it', async () => {
  const { page } = await newShopper(browser);
  await buy(page, scarfUrl);
  await orderInState(page, 'awaiting_payment');
  await page.getByTestId('cancel').click();
  await page.getByText('Press “Cancel order” again to confirm').waitFor();
  await cancelBehind(page);
  await orderInState(page, 'cancelled');
  await page.locator('[data-testid=message]:empty').waitFor({ state: 'attached' });
});

/** Cancels the order behind the page's back: only the server can tell the page. */
async function cancelBehind(page: Page): Promise<void> {
  const token: string = JSON.parse(await page.evaluate("localStorage.getItem('seckill.token')"));
  const { status } = await fetch(`${stack.edgeUrl}/api${new URL(page.url()).pathname}/cancel`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}` },
  });
  expect(status).toBe(200);
}

test('the order page hears of a change by the event stream, without asking', async () => {
  const { page, complaints } = await newShopper(browser);
  let asked = 0;
  page.on('request', (request) => {
    if (/\/api\/orders\/[^/]+$/.test(request.url())) asked += 1;
  });
  const isOpen = page.waitForResponse((response) => response.url().endsWith('/events') && response.ok());
  await buy(page, scarfUrl);
  await orderInState(page, 'awaiting_payment');
  await isOpen;
  asked = 0; // until then it asks
  await cancelBehind(page);
  await orderInState(page, 'cancelled');
  expect(asked).toBeLessThanOrEqual(1); // one that was due while the stream was opening
  expect(complaints).toEqual([]);
});

test('where no event stream comes through, the order page asks', async () => {
  const { page } = await newShopper(browser);
  await page.clock.install();
  await page.route('**/events', (route) => route.abort());
  await buy(page, scarfUrl);
  await orderInState(page, 'awaiting_payment');
  await cancelBehind(page);
  await hurry(page, orderInState(page, 'cancelled'));
});
