import { expect, test } from 'vitest';
import { parseTimerId, timerId, timerSecondOf } from './expiry-timer.ts';
import { newOrderId } from './order.ts';

test('a timer is due when the time to pay of all orders of its second is over', () => {
  expect([1_795_000_000_000, 1_795_000_000_999].map(timerSecondOf)).toEqual([1_795_000_001, 1_795_000_001]);
  expect(timerSecondOf(1_795_000_001_000)).toBe(1_795_000_002);
});

test('a timer is told by its id from the job of one order, also of a sale that is named like it', () => {
  expect(parseTimerId(timerId(1_795_000_001))).toBe(1_795_000_001);
  const digits = 'pay-by-01234567890123456789012345'; // an order of the sale pay-by, all digits
  for (const id of [newOrderId('pay-by', 0), newOrderId('phone', 0), digits, 'pay-by-', ''])
    expect(parseTimerId(id)).toBe(null);
});
