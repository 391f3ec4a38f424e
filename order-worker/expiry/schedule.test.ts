import { expect, test } from 'vitest';
import { eventOfState, type StoredOrderState } from '#contract/order-events.ts';
import { unpaidAmong } from './schedule.ts';

test('of the orders that were stored, a timer comes only for those that await payment', () => {
  const states = Object.keys(eventOfState) as StoredOrderState[]; // the table's own keys
  const orders = states.map((state) => ({ orderId: state, state, payByMs: 1 }));
  expect(unpaidAmong(orders).map(({ orderId }) => orderId)).toEqual(['awaiting_payment']);
});
