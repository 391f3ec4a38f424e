import { expect, test } from 'vitest';
import { fromStripeAmount, toStripeAmount } from './stripe-amount.ts';

/** As https://docs.stripe.com/currencies has them: what we count, and what Stripe is told of the same money. */
test.each([
  ['USD', 1999, 1999], // 19.99
  ['CNY', 1, 1],
  ['HUF', 104_500, 104_500], // two digits in charges, none in payouts
  ['TWD', 80_000, 80_000],
  ...'BIF CLP DJF GNF JPY KMF KRW PYG RWF VND VUV XAF XOF XPF'
    .split(' ')
    .map((currency): [string, number, number] => [currency, 500, 500]),
  ['ISK', 5, 500], // "to charge 5 ISK, provide an amount value of 500"
  ['MGA', 50_000, 500], // ISO has two digits, Stripe none
  ...'BHD JOD KWD OMR TND'.split(' ').map((currency): [string, number, number] => [currency, 5120, 5120]),
] as const)('%s: %i by ISO 4217 is %i at Stripe, and back', (currency, amount, told) => {
  expect(toStripeAmount({ amount, currency })).toEqual({ kind: 'amount', amount: told });
  expect(fromStripeAmount(told, currency.toLowerCase())).toEqual({ amount, currency });
});

test.each([
  ['KWD', 5124, /last digit is 0/],
  ['MGA', 50_050, /whole units/],
  ['UGX', 500, /does not take this currency/], // Stripe's page has it in two ways
  ['IQD', 1000, /does not take this currency/], // three digits by ISO, not in Stripe's list of three
  ['CLF', 1000, /does not take this currency/],
])('%s: %i is refused with the reason, never rounded', (currency, amount, reason) => {
  expect(toStripeAmount({ amount, currency })).toEqual({ kind: 'refused', reason: expect.stringMatching(reason) });
});

test('an amount of Stripe that is none of ours is told as none', () => {
  expect(fromStripeAmount(550, 'isk')).toBeNull();
  expect(fromStripeAmount(500, 'ugx')).toBeNull();
});
