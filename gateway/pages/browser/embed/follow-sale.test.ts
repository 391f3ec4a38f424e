import { expect, test } from 'vitest';
import type { PublicSale } from '#contract/sale.ts';
import { waitMs } from './follow-sale.ts';

const opensAtMs = Date.parse('2026-11-11T12:00:00Z');
const sale = (state: PublicSale['state']) =>
  ({ state, opensAt: '2026-11-11T12:00:00Z', closesAt: '2026-11-11T13:00:00Z' }) as PublicSale;
const wait = (state: PublicSale['state'], sinceMs: number, random: number, failures = 0) =>
  waitMs(sale(state), { nowMs: opensAtMs + sinceMs, failures, random: () => random });

test('an element asks seldom, a little apart from others, and never again once the sale is over', () => {
  expect([wait('upcoming', -3_600_000, 0), wait('upcoming', -3_600_000, 0.5)]).toEqual([42_000, 60_000]);
  expect([wait('upcoming', -20_000, 0), wait('upcoming', -20_000, 1)]).toEqual([20_000, 25_000]); // over five seconds
  expect([wait('open', 1000, 0), wait('open', 61_000, 0), wait('sold_out', 1000, 0.5)]).toEqual([3500, 10_500, 15_000]);
  expect([wait('closed', 0, 0), wait('open', 3_600_000, 0)]).toEqual([null, null]);
});

test('without an answer it asks ever more seldom, down to once a minute', () => {
  expect([1, 2, 3, 20].map((failures) => wait('open', 0, 0.5, failures))).toEqual([4000, 8000, 16_000, 60_000]);
  expect(waitMs(null, { nowMs: 0, failures: 1, random: () => 0.5 })).toBe(4000);
});
