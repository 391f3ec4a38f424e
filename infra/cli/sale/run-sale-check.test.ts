import { expect, test } from 'vitest';
import { saleStates } from '#contract/sale.ts';
import type { Finding } from '../../sale-check/finding.ts';
import { saleCheckText } from './run-sale-check.ts';

const well: Finding = { check: 'price', verdict: 'pass', says: 'fine', mend: null };
const broken: Finding = { check: 'edges', verdict: 'fail', says: 'away', mend: 'seckill status' };
const first = (state: (typeof saleStates)[number], checks: Finding[], ok: boolean) =>
  saleCheckText({ saleId: 'tea', state, ok, checks }).split('\n')[0];

test('a sale check says what the sale is: only a draft is ready to open, or not', () => {
  expect(saleStates.map((state) => first(state, [well], true))).toEqual([
    'tea: ready to open',
    'tea: opens by its clock, and all is well',
    'tea: open, and all is well',
    'tea: sold out, and all is well',
    'tea: paused, and all is well',
    'tea: closed, and all is well',
  ]);
  expect(first('draft', [broken], false)).toBe('tea: NOT READY, 1 to mend');
  expect(first('open', [broken, { ...well, verdict: 'warn' }], false)).toBe('tea: OPEN, BUT 1 TO MEND, 1 warning');
});
