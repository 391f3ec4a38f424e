import { expect, test } from 'vitest';
import { formatSum } from './money.ts';

test('an order of several items is told by the price of one', () => {
  expect(formatSum({ amount: 399_800, currency: 'CNY' }, 2)).toBe('2 × ¥1,999.00');
  expect(formatSum({ amount: 199_900, currency: 'CNY' }, 1)).toBe('¥1,999.00');
  expect(formatSum({ amount: 3000, currency: 'JPY' }, 3)).toBe('3 × ¥1,000');
});
