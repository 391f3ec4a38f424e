import { expect, test } from 'vitest';
import { saleStates, storedSaleStates } from '#contract/sale.ts';
import { renderList } from './render-list.ts';
import { noticeNames, renderNotice } from './render-notice.ts';
import { renderOrder } from './render-order.ts';
import { renderOrders } from './render-orders.ts';
import { renderSale } from './render-sale.ts';
import { testingContext } from './testing-context.ts';
import { testingSale } from './testing-sale.ts';

const now = new Date('2026-11-11T12:00:00Z');
const context = testingContext(now);
const hostile = `"'><script>alert(1)</script><img src=x onerror=alert(2)></title><a href="javascript:alert(3)">`;

function pagesOf(text: string): string[] {
  const sale = testingSale('hostile', now, { title: text, description: text, limits: { perUser: 3 } });
  const notices = noticeNames.map((name) => renderNotice(name, context));
  return [
    renderSale(sale, context),
    renderList([sale], context),
    renderOrder(context),
    renderOrders(context),
    ...notices,
  ];
}

test('no markup from a title or a description can run', () => {
  for (const page of pagesOf(hostile)) {
    expect(page.match(/<script/g)).toHaveLength(2);
    expect(page).not.toMatch(/<img src=x|<a href="javascript:|<\/title><a/);
  }
  expect(pagesOf(hostile)[0]).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
});

test('every page passes a policy without inline scripts, styles and foreign hosts', () => {
  for (const page of pagesOf('Tea set')) {
    expect(page).not.toMatch(/<style|\sstyle=|\son[a-z]+=|javascript:|https?:\/\//i);
    expect(page.match(/<script[^>]*>[^<]*<\/script>/g)).toEqual([
      '<script src="/assets/language.1.js" data-words-en="/assets/words.en.1.json" data-words-zh="/assets/words.zh.1.json"></script>',
      `<script type="module" src="/assets/${page.includes('data-page="orders"') ? 'orders' : 'app'}.1.js"></script>`,
    ]);
  }
});

test('the sale page says without JavaScript what is sold, when, for how much and how it stood', () => {
  const page = renderSale(testingSale('tea', now), context);
  expect(page).toContain('<h1>Porcelain tea set</h1>');
  expect(page).toContain('¥1,999.00');
  expect(page).toContain('<time datetime="2026-11-11T11:59:00.000Z">2026-11-11 11:59 UTC<');
  expect(page).toMatch(/data-testid="state">.*Open now<.*抢购中</);
  expect(page).toMatch(/<noscript>.*turn on JavaScript/s);
});

test('every page says all that it says in English and in Chinese, in one file for all visitors', () => {
  for (const page of pagesOf('Tea set')) {
    const spans = [...page.matchAll(/<span class="in-(en|zh)" lang="[a-zA-Z-]+">([^<]*)/g)];
    const of = (language: string) => spans.filter(([, found]) => found === language);
    expect(of('zh')).toHaveLength(of('en').length);
    expect(of('en').length).toBeGreaterThan(5);
    // What stands outside of the two is figures, the shop's own words and the brand.
    const rest = page
      .replace(/<time [^>]*>[^<]*<\/time>/g, '')
      .replace(/<span class="in-(en|zh)"[^>]*>[^<]*<\/span>/g, '')
      .replace(/<head>.*<\/head>|<[^>]*>/gs, ' ');
    expect(rest.match(/[a-z]{3,}/gi) ?? []).toEqual(
      rest.includes('Tea set') ? expect.arrayContaining(['Tea', 'set']) : [],
    );
  }
});

test('a title and a description in Chinese stand beside the English ones', () => {
  const translations = { zh: { title: '瓷器茶具', description: '每人一套' } };
  const page = renderSale(testingSale('tea', now, { description: 'One each', translations }), context);
  expect(page).toMatch(/<h1><span class="in-en" lang="en">Porcelain tea set<\/span><span class="in-zh"[^>]*>瓷器茶具</);
  expect(page).toMatch(/One each<.*每人一套</);
});

test('a picture of the shop’s own has its size in the markup, the drawn one too', () => {
  const image = { url: '/assets/picture.1.webp', width: 1280, height: 960 };
  const own = renderSale(testingSale('tea', now, { images: { page: image, card: image } }), context);
  expect(own).toContain('src="/assets/picture.1.webp" width="1280" height="960"');
  for (const page of [own, ...pagesOf('Tea set')]) {
    for (const [tag] of page.matchAll(/<img[^>]*>/g)) expect(tag).toMatch(/width="\d+" height="\d+"/);
  }
});

test('every stored state has its own public state on the page', () => {
  const later = { opensAt: '2026-11-11T13:00:00.000Z', closesAt: '2026-11-11T14:00:00.000Z' };
  const shown = [
    ...storedSaleStates.map((state) => testingSale('tea', now, { state })),
    testingSale('tea', now, { window: later }),
  ].map((sale) => /class="badge" data-state="(\w+)"/.exec(renderSale(sale, context))?.[1]);
  expect(new Set(shown)).toEqual(new Set(saleStates));
});

test('the list puts sales that are over last and the rest in the order of their opening', () => {
  const list = renderList(
    [
      testingSale('over', now, {
        state: 'closed',
        window: { opensAt: '2026-01-01T00:00:00Z', closesAt: '2026-01-02T00:00:00Z' },
      }),
      testingSale('later', now, { window: { opensAt: '2026-12-01T00:00:00Z', closesAt: '2026-12-02T00:00:00Z' } }),
      testingSale('running', now),
    ],
    context,
  );
  expect([...list.matchAll(/data-sale-id="(\w+)"/g)].map(([, id]) => id)).toEqual(['running', 'later', 'over']);
  expect(renderList([], context)).toContain('No sales right now');
});

test('a choice of quantity is offered exactly when one person may buy several', () => {
  const many = renderSale(testingSale('tea', now, { limits: { perUser: 3 } }), context);
  expect(many.match(/<option /g)).toHaveLength(3);
  expect(many).not.toContain('class="field row" hidden');
  expect(renderSale(testingSale('tea', now), context)).toContain('class="field row" hidden');
});
