import { expect, test } from 'vitest';
import { currencies, currencySchema } from './currencies.ts';
import { minorDigits } from './currency-digits.ts';
import { settings } from './settings.ts';

const wordsOf = (code: unknown) => currencySchema.safeParse(code).error?.issues.map(({ message }) => message) ?? [];

test('the list is that of ISO 4217: what ICU says otherwise is known one by one', () => {
  expect(currencies.size).toBe(157);
  const cldr = (currency: string) =>
    new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits;
  const others = [...currencies].filter((code) => cldr(code) !== minorDigits(code));
  // CLDR has the digits that are used in cash.
  expect(others.sort().join(' ')).toBe('AFN ALL COP HUF IDR IQD IRR KPW LAK LBP MGA MMK PKR SOS SYP YER');
  const unknown = [...currencies].filter((code) => !Intl.supportedValuesOf('currency').includes(code));
  expect(unknown.sort()).toEqual(['UYW', 'VED', 'XAD']);
});

test.each([
  ['CNY', 2],
  ['HUF', 2],
  ['IDR', 2],
  ['COP', 2],
  ['PKR', 2],
  ['IQD', 3],
  ['KWD', 3],
  ['JPY', 0],
  ['UYW', 4],
  ['CLF', 4], // a fund: no price may be in it, a stored one is shown right
  ['BGN', 2], // withdrawn
])('the minor unit of %s has %i digits', (code, digits) => expect(minorDigits(code)).toBe(digits));

test.each([
  ['RMB', 'must be an ISO 4217 code: say CNY'],
  ['rmb', 'must be an ISO 4217 code: say CNY'],
  ['cny', 'must be an ISO 4217 code: say CNY'],
  ['NTD', 'must be an ISO 4217 code: say TWD'],
  ['BGN', 'must be an ISO 4217 code: say EUR'],
  ...['XAU', 'XDR', 'XTS', 'XXX', 'CLF', 'USN', 'BTC', '¥', 'CN', ''].map((code) => [
    code,
    'must be an ISO 4217 code such as "CNY"',
  ]),
])('%s is no currency: %s', (code, words) => expect(wordsOf(code)).toEqual([words]));

test('the floor of prices is by currencies of the list, each once', () => {
  const floor = (text: string) => settings.SECKILL_PRICE_FLOOR.safeParse(text);
  expect(floor('CNY=10000, JPY=1500').data).toEqual({ CNY: 10_000, JPY: 1500 });
  const wordsOfFloor = (text: string) => floor(text).error?.issues.map(({ message }) => message);
  expect(wordsOfFloor('USD=1,RMB=10000')).toEqual(['names RMB, which must be an ISO 4217 code: say CNY']);
  expect(wordsOfFloor('CNY=10000,USD=1,CNY=1')).toEqual(['names CNY twice: keep one of them']);
});

test('every currency of the list is taken', () => {
  expect([...currencies].flatMap(wordsOf)).toEqual([]);
});
