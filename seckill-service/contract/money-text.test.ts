import { expect, test } from 'vitest';
import { parseSaleNode } from '#contract/sale.ts';
import { formatMoney } from '#gateway/pages/browser/money.ts';
import { renderList } from '#gateway/pages/render-list.ts';
import { renderSale } from '#gateway/pages/render-sale.ts';
import { testingContext } from '#gateway/pages/testing-context.ts';
import { testingSale } from '#gateway/pages/testing-sale.ts';
import { currencies } from './currencies.ts';
import { minorDigits } from './currency-digits.ts';
import { moneyText } from './money-text.ts';

const now = new Date('2026-11-11T12:00:00Z');
const context = testingContext(now);

const figures = ['123,456', '12,345.6', '1,234.56', '123.456', '12.3456'];

test('page, list, order page and command line show every currency with the digits of ISO 4217', () => {
  expect(currencies.size).toBeGreaterThan(150);
  for (const currency of [...currencies, 'CLF', 'BGN', 'RMB']) {
    const price = { amount: 123_456, currency };
    const figure = figures[minorDigits(currency)] ?? '';
    const sale = testingSale('tea', now, { price });
    const sums = [renderSale(sale, context), renderList([sale], context)].flatMap((page) =>
      [...page.matchAll(/class="sum">([^<]*)</g)].map(([, sum]) => sum),
    );
    // The order page formats in the browser, by the same function.
    for (const shown of [...sums, formatMoney(price)]) expect(shown?.replace(/^[^0-9]+/, '')).toBe(figure);
    expect(sums).toHaveLength(2);
    expect(moneyText(price)).toBe(`${figure.replace(',', '')} ${currency}`);
  }
});

test('a sale in a currency that ISO does not list, or lists no more, is read and shown', () => {
  const sale = testingSale('tea', now, { price: { amount: 199_900, currency: 'RMB' } });
  expect(parseSaleNode(Buffer.from(JSON.stringify(sale)), 'tea').price).toEqual({ amount: 199_900, currency: 'RMB' });
  expect(moneyText(sale.price)).toBe('1999.00 RMB');
});
