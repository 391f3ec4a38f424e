import { expect, test } from 'vitest';
import type { CatalogueSale } from '#sales/catalogue.ts';
import type { StockSale } from '#stock/stock-sale.ts';
import { checkPrice, checkStock, checkWindow } from './terms.ts';

const opensAtMs = Date.parse('2026-12-01T12:00:00Z');
const closesAtMs = Date.parse('2026-12-01T14:00:00Z');
const sale: CatalogueSale = {
  saleId: 'tea',
  title: 'Tea',
  description: '',
  price: { amount: 1999, currency: 'CNY' },
  units: 200,
  limitPerUser: 1,
  opensAt: new Date(opensAtMs).toISOString(),
  closesAt: new Date(closesAtMs).toISOString(),
  payWithinSeconds: 900,
  challenge: 'quiz',
  restock: true,
  checkout: { mode: 'here' },
  collect: [],
  keepDetailsDays: 180,
  state: 'draft',
  epoch: 1,
};
const counts = { total: 200, free: 200, returned: 0, committed: 0, skipped: 0, withheld: 0 };
const stock: StockSale = { state: 'draft', epoch: 1, opensAtMs, closesAtMs, limitPerUser: 1, ...counts, fault: null };

test('a price below the floor of its currency blocks; other currencies have no say', () => {
  expect(checkPrice(sale, { CNY: 2000 }, 1999)).toMatchObject({
    verdict: 'fail',
    says: expect.stringContaining('20.00'),
  });
  expect(checkPrice(sale, { CNY: 1999 }, 1999).verdict).toBe('pass');
  expect(checkPrice(sale, { USD: 5000 }, 1999).verdict).toBe('pass');
});

test('without a floor, a price of a hundredth of the usual is a warning: two digits were lost', () => {
  expect(checkPrice(sale, undefined, 199_900).verdict).toBe('warn');
  expect(checkPrice(sale, undefined, 199_800).verdict).toBe('pass');
});

test('stock that is missing, in doubt, not what the catalogue says or partly gone blocks', () => {
  expect(checkStock(sale, null)).toMatchObject({ verdict: 'fail', mend: 'seckill stock preload tea' });
  expect(checkStock(sale, { ...stock, fault: 'rolled back' }).mend).toBe('seckill stock rebuild tea');
  expect(checkStock(sale, { ...stock, total: 199 }).verdict).toBe('fail');
  expect(checkStock(sale, { ...stock, free: 199 }).verdict).toBe('fail');
  expect(checkStock(sale, { ...stock, limitPerUser: 2 }).verdict).toBe('fail');
  expect(checkStock(sale, { ...stock, state: 'closed' }).verdict).toBe('fail');
  expect(checkStock(sale, { ...stock, state: 'paused' }).mend).toBe('seckill sale resume tea');
  expect(checkStock(sale, stock).verdict).toBe('pass');
  const greedy = { limitPerUser: 100 };
  expect(checkStock({ ...sale, ...greedy }, { ...stock, ...greedy }).verdict).toBe('warn');
});

test('a window that is over blocks, one that is nearly over or a year long is a warning', () => {
  expect(checkWindow(sale, stock, opensAtMs - 1).verdict).toBe('pass');
  expect(checkWindow(sale, { ...stock, state: 'draft' }, opensAtMs + 1).says).toContain('it opens at once');
  expect(checkWindow(sale, { ...stock, state: 'open' }, opensAtMs + 1).says).toContain('it has begun');
  expect(checkWindow(sale, stock, closesAtMs - 59_000).verdict).toBe('warn');
  expect(checkWindow(sale, stock, closesAtMs).verdict).toBe('fail');
  expect(checkWindow(sale, { ...stock, closesAtMs: opensAtMs + 32 * 86_400_000 }, opensAtMs).verdict).toBe('warn');
});
