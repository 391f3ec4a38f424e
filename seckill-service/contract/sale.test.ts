import { describe, expect, test } from 'vitest';
import { effectiveState, saleFileSchema } from './sale.ts';

const good = {
  saleId: 'autumn-phone',
  title: 'Phone',
  price: { amount: 1999, currency: 'CNY' },
  units: 100,
  limitPerUser: 1,
  opensAt: '2026-11-11T08:00:00+08:00',
  closesAt: '2026-11-12T00:00:00Z',
};
const problemsOf = (change: Record<string, unknown>) => {
  const result = saleFileSchema.safeParse({ ...good, ...change });
  return result.success ? [] : result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
};

describe('a sale file', () => {
  test('is taken with times in any zone, and they become UTC', () => {
    expect(saleFileSchema.parse(good).opensAt).toBe('2026-11-11T00:00:00.000Z');
  });

  test.each([
    ['closesAt before opensAt', { closesAt: '2026-11-10T00:00:00Z' }, 'closesAt: must be after opensAt'],
    ['a price with decimals', { price: { amount: 19.99, currency: 'CNY' } }, 'price.amount: must be a whole number'],
    ['a negative price', { price: { amount: -1, currency: 'CNY' } }, 'price.amount: must be above 0'],
    [
      'a currency by another name',
      { price: { amount: 1, currency: 'RMB' } },
      'price.currency: must be an ISO 4217 code: say CNY',
    ],
    ['zero units', { units: 0 }, 'units: must be at least 1'],
    ['a checkout of another kind', { checkout: { mode: 'store' } }, 'checkout.mode: must be "here" or "shop"'],
    ['details kept for centuries', { keepDetailsDays: 100_000 }, 'keepDetailsDays: must be at most 3650'],
    ['half a unit', { units: 1.5 }, 'units: must be a whole number'],
    ['a limit above the units', { limitPerUser: 101, units: 100 }, 'limitPerUser: must be at most 100'],
    ['a limit above few units', { limitPerUser: 3, units: 2 }, 'limitPerUser: must not exceed units'],
    ['an id with slashes', { saleId: 'a/../b' }, 'saleId: must be 1 to 48 characters'],
    ['an id with braces', { saleId: 'a}b' }, 'saleId: must be 1 to 48 characters'],
    ['a time without a zone', { opensAt: '2026-11-11 00:00' }, 'opensAt: must be an ISO 8601 time'],
    ['a misspelled field', { limitPerUsr: 2 }, 'Unrecognized key'],
  ])('with %s is refused and says why', (_what, change, words) => {
    expect(problemsOf(change).join('\n')).toContain(words);
  });
});

describe('the state that the public sees', () => {
  const at = (stored: Parameters<typeof effectiveState>[0], now: number) => effectiveState(stored, 1000, 2000, now);
  test('follows the clock while the sale is open', () => {
    expect([at('open', 999), at('open', 1000), at('open', 1999), at('open', 2000)]).toEqual([
      'upcoming',
      'open',
      'open',
      'closed',
    ]);
  });
  test('puts what ops said before the clock, and the end before a pause', () => {
    expect([
      at('draft', 1500),
      at('closed', 1500),
      at('paused', 500),
      at('paused', 2000),
      at('sold_out', 1500),
    ]).toEqual(['draft', 'closed', 'paused', 'closed', 'sold_out']);
  });
});
