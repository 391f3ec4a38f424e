import { expect, test } from 'vitest';
import { eventOfState, type StoredOrderState } from './order-events.ts';
import { eachShownOrder, formatShownOrder, isYounger, parseShownOrder, type ShownOrder } from './shown-order.ts';

test.each(Object.keys(eventOfState) as StoredOrderState[])(
  'a shown order in state %s is read as it was written',
  (state) => {
    const shown = { version: 12, state, payByMs: 1_795_000_000_000, amount: 199_900, currency: 'CNY' };
    expect(parseShownOrder(formatShownOrder(shown))).toEqual(shown);
  },
);

test('a payment that has not paid the order is shown with it, and a picture of before there was one is read still', () => {
  const shown: ShownOrder = { version: 1, state: 'awaiting_payment', payByMs: 5, amount: 100, currency: 'CNY' };
  for (const state of ['open', 'declined'] as const) {
    const paying: ShownOrder = { ...shown, step: 12, payment: { paymentId: 'pay_01', state } };
    const declined = { ...paying, payment: { paymentId: 'pay_01', state, declined: 'card_expired' as const } };
    for (const one of [paying, declined, { ...paying, hasDetails: true as const }]) {
      expect(parseShownOrder(formatShownOrder(one))).toEqual(one);
    }
  }
  const named: ShownOrder = { ...shown, step: 1, hasDetails: true };
  expect(parseShownOrder(formatShownOrder(named))).toEqual(named);
  // As it was written before there were reasons.
  expect(parseShownOrder('1:a:5:100:CNY:3:d:pay_01')).toEqual({
    ...shown,
    step: 3,
    payment: { paymentId: 'pay_01', state: 'declined' },
  });
  expect(parseShownOrder('1:a:5:100:CNY')).toEqual(shown);
});

test('of two pictures the higher version is younger, and the later step of the payments within a version', () => {
  const of = (version: number, step?: number): ShownOrder => ({
    ...{ version, state: 'awaiting_payment', payByMs: 5, amount: 100, currency: 'CNY' },
    ...(step === undefined ? {} : { step, payment: { paymentId: 'pay_01', state: 'open' } }),
  });
  const inOrder = [of(1), of(1, 1), of(1, 2), of(1, 10), of(2), of(10, 1)];
  for (const [at, one] of inOrder.entries()) {
    for (const [other, against] of inOrder.entries())
      expect([at, other, isYounger(one, against)]).toEqual([at, other, at > other]);
  }
});

test('a message shows one order, or many that look alike, to those that follow them', () => {
  const shown: ShownOrder = { version: 1, state: 'awaiting_payment', payByMs: 5, amount: 100, currency: 'CNY' };
  const heard = (message: string, followed: string[]) => {
    const seen: [string, ShownOrder][] = [];
    eachShownOrder(
      message,
      (orderId) => followed.includes(orderId),
      (...order) => seen.push(order),
    );
    return seen;
  };
  expect(heard('tea-1 1:a:5:100:CNY', ['tea-1'])).toEqual([['tea-1', shown]]);
  expect(heard('1:a:5:100:CNY tea-1 tea-2 tea-3', ['tea-3', 'tea-1'])).toEqual([
    ['tea-1', shown],
    ['tea-3', shown],
  ]);
  for (const none of ['tea-1 9:?', '9:? tea-1 tea-2', '9:?', '']) expect(heard(none, ['tea-9'])).toEqual([]);
  expect(() => heard('9:? tea-1', ['tea-1'])).toThrow('not a shown order');
});

test('what nobody wrote is refused, not guessed', () => {
  expect(() => parseShownOrder('1:z:1:1:CNY')).toThrow('not a shown order');
});
