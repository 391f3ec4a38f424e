import { expect, test } from 'vitest';
import { eventOfState, type StoredOrderState } from './order-events.ts';
import { formatShownOrder, parseShownOrder } from './shown-order.ts';

test.each(Object.keys(eventOfState) as StoredOrderState[])(
  'a shown order in state %s is read as it was written',
  (state) => {
    const shown = { version: 12, state, payByMs: 1_795_000_000_000, amount: 199_900, currency: 'CNY' };
    expect(parseShownOrder(formatShownOrder(shown))).toEqual(shown);
  },
);

test('what nobody wrote is refused, not guessed', () => {
  expect(() => parseShownOrder('1:z:1:1:CNY')).toThrow('not a shown order');
});
