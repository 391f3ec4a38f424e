import { expect, test } from 'vitest';
import { maxSalesCounted } from '#contract/ops.ts';
import type { SaleNode } from '#contract/sale.ts';
import { shownSales } from './shown-sales.ts';

const now = Date.parse('2026-11-11T12:00:00Z');
/** `from` and `to`: minutes from now. */
function sale(saleId: string, state: SaleNode['state'], from: number, to: number): SaleNode {
  const at = (minutes: number) => new Date(now + minutes * 60_000).toISOString();
  return {
    ...{ saleId, title: saleId, price: { amount: 1, currency: 'CNY' }, challenge: 'none', state, epoch: 1 },
    ...{ window: { opensAt: at(from), closesAt: at(to) }, limits: { perUser: 1 } },
  };
}
const idsOf = (sales: SaleNode[]) => shownSales(sales, now).shown.map(({ saleId }) => saleId);

test('what is open stands first, then what runs, the next to open, and the latest that closed', () => {
  const sales = [
    sale('closed-first', 'open', -120, -50),
    sale('opens-late', 'open', 90, 100),
    sale('open-long', 'open', -100, 10),
    sale('sold-out', 'sold_out', -5, 60),
    sale('closed-last', 'closed', -120, 10),
    sale('opens-next', 'open', 30, 100),
    sale('open-new', 'open', -1, 60),
    sale('draft', 'draft', -1, 60),
    sale('long-over', 'closed', -300, -61),
  ];
  const expected = ['open-new', 'open-long', 'sold-out', 'opens-next', 'opens-late', 'closed-last', 'closed-first'];
  expect(idsOf(sales)).toEqual(expected);
  expect(idsOf(sales.toReversed())).toEqual(expected);
});

test('a sale that somebody looks at stays in its place when it sells out, however many others are open', () => {
  const others = Array.from({ length: maxSalesCounted + 5 }, (_, nth) => sale(`open-${nth}`, 'open', -nth - 1, 60));
  const all = [...others, sale('mine', 'sold_out', -60, 60), sale('not-mine', 'sold_out', -60, 60)];
  const { shown, leftOut } = shownSales(all, now, new Set(['mine', 'gone']));
  expect(shown.map(({ saleId }) => saleId)).toEqual(
    [...others.slice(0, maxSalesCounted - 1), all.at(-2)].map((it) => it?.saleId),
  );
  expect(leftOut).toBe(7);
});

test('however many are still to open, one that is open is not left out', () => {
  const coming = Array.from({ length: maxSalesCounted + 5 }, (_, nth) => sale(`next-${nth}`, 'open', 60 + nth, 900));
  const { shown, leftOut } = shownSales([...coming, sale('now', 'open', -60, 60)], now);
  expect(shown[0]?.saleId).toBe('now');
  expect([shown.length, leftOut]).toEqual([maxSalesCounted, 6]);
});
