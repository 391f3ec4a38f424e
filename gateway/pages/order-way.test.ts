import { expect, test } from 'vitest';
import { orderStates } from '#contract/order.ts';
import { orderSteps, statesOf, wayOf } from './order-way.ts';

test('the way of an order ends as the order did, and names no step that it did not take', () => {
  const taken = orderStates.map((state) => {
    const { steps, at } = wayOf[state];
    return [state, steps.slice(0, steps.indexOf(at) + 1).join(' ')];
  });
  expect(taken).toEqual([
    ['queued', 'queued'],
    ['awaiting_payment', 'queued ready'],
    ['paid', 'queued ready paid'],
    ['expired', 'queued ready expired'],
    ['cancelled', 'queued ready cancelled'],
    ['refunding', 'queued ready paid refunding'],
    ['refunded', 'queued ready paid refunded'],
    ['failed', 'queued failed'],
  ]);
});

test('steps stand in the page in the order in which any way takes them', () => {
  for (const { steps } of Object.values(wayOf))
    expect(steps).toEqual(orderSteps.filter((step) => steps.includes(step)));
  expect(statesOf('expired')).toEqual({ of: ['expired'], at: ['expired'] });
  expect(statesOf('ready').at).toEqual(['awaiting_payment']);
  expect(statesOf('paid').of).toEqual(['queued', 'awaiting_payment', 'paid', 'refunding', 'refunded']);
});
