import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser, newShopper, seriousObjections } from '#lab/kits/shopper.ts';
import { saleOf, startEdge, type TestEdge } from '#lab/servers/edge.ts';
import { publishPages } from './publish.ts';
import { testingSale } from './testing-sale.ts';

const docs = join(import.meta.dirname, '../../docs/embedding.md');
let browser: Browser;
let edge: TestEdge;
let shop: { origin: string; close: () => void };
let stranger: typeof shop;

/** A shop with a policy as strict as can be: what it embeds is all that it allows. */
async function startShop(body: () => string): Promise<typeof shop> {
  const server = createServer((_, response) => {
    const policy = `default-src 'none'; script-src ${edge.url}; connect-src ${edge.url}; frame-src ${edge.url}; require-trusted-types-for 'script'`;
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': policy });
    response.end(
      `<!doctype html><html lang="en"><head><title>A shop</title></head><body><main><h1>A shop</h1>${body()}</main></body></html>`,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens on a port
  return { origin: `http://127.0.0.1:${port}`, close: () => server.closeAllConnections() ?? server.close() };
}

/** What the docs tell to paste, with the address of this edge and the sale of this test. */
async function snippet(saleId: string): Promise<string> {
  const [, html = ''] = /```html\n([\s\S]*?)```/.exec(await readFile(docs, 'utf8')) ?? [];
  expect(html).toContain('<seckill-sale sale="autumn-phone" lang="zh">');
  return html.replaceAll('https://sale.example', edge.url).replaceAll('autumn-phone', saleId);
}

/** Lets the page's time run ahead in steps until it is `there`: an element asks seldom. */
async function later<T>(page: Page, there: Promise<T>): Promise<void> {
  const isThere = there.then(() => true);
  while (!(await Promise.race([isThere, pause(100, false)]))) await page.clock.fastForward(20_000);
}

let pasted = '';
beforeAll(async () => {
  const body = () => `${pasted}<iframe title="the sale" src="${edge.url}/sales/tea"></iframe>`;
  const places: { origin: string }[] = [];
  [browser, shop, stranger] = await Promise.all([launchBrowser(), startShop(body), startShop(body)]);
  places.push(shop);
  edge = await startEdge({}, [], { values: { embedOrigins: places.map(({ origin }) => origin) } });
  const now = new Date();
  await publishPages({ sales: async () => [testingSale('tea', now)], pagesDir: edge.pagesDir, now });
  pasted = await snippet('tea');
});
afterAll(async () => {
  await browser?.close();
  await edge?.stop();
  shop?.close();
  stranger?.close();
});

test('the element of the docs shows a sale in a page of another origin: upcoming, open, sold out; and leads to it', async () => {
  const translations = { zh: { title: '瓷器茶具' } };
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('tea', { opensInMs: 90_000, translations })] });
  const { page, complaints } = await newShopper(browser);
  await page.clock.install();
  await page.goto(shop.origin);
  const element = page.locator('seckill-sale');
  await element.getByText('尚未开抢').waitFor();
  await element.getByText('瓷器茶具').waitFor();
  await expect.poll(() => element.locator('[part=clock]').textContent()).toMatch(/^00:01:\d\d$/);
  expect(await element.locator('a').getAttribute('href')).toBe(`${edge.url}/sales/tea`);
  expect(await seriousObjections(page)).toEqual([]);
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('tea', { opensInMs: -1000, epoch: 2, translations })] });
  await later(page, page.locator('seckill-sale[data-state=open]').waitFor());
  await element.getByText('抢购中').waitFor();
  await edge.agent.send({ type: 'snapshot', sales: [saleOf('tea', { state: 'sold_out', epoch: 3, translations })] });
  await later(page, element.getByText('已抢光').waitFor());
  expect(await element.locator('[part=countdown]').isVisible()).toBe(false);
  // Words of the shop's own, in another language, while it lives.
  await page.evaluate(`(() => {
    const element = document.querySelector('seckill-sale');
    element.setAttribute('text-sold-out', 'All gone');
    element.lang = 'en-GB';
  })()`);
  await element.getByText('All gone').waitFor();
  await element.getByText('Go to the sale').waitFor();
  const framed = page.frames().find((frame) => frame.url() === `${edge.url}/sales/tea`);
  expect(await framed?.locator('h1').textContent()).toContain('Porcelain tea set');
  expect(complaints).toEqual([]);
});

test('a page of an origin that is not named gets neither script nor data, and frames nothing', async () => {
  const { page } = await newShopper(browser);
  await page.goto(stranger.origin);
  expect(await page.evaluate("customElements.get('seckill-sale') === undefined")).toBe(true);
  const read = (path: string) => page.evaluate(`fetch('${edge.url}${path}').then(() => 'read', () => 'refused')`);
  for (const path of ['/api/sales', '/api/sales/tea', '/embed.js'])
    expect([path, await read(path)]).toEqual([path, 'refused']);
  expect(page.frames().map((frame) => frame.url())).toEqual([`${stranger.origin}/`, 'chrome-error://chromewebdata/']);
});
