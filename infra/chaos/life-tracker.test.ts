import { expect, test } from 'vitest';
import { createLifeTracker, type SettledOrder, type SettledPayment } from './life-tracker.ts';

const paid: SettledOrder = {
  orderId: 'a',
  state: 'paid',
  amount: 5,
  taken: 5,
  returned: 0,
  payments: [{ paymentId: 'p', ours: 'succeeded', theirs: 'succeeded' }],
  received: [1, 2],
  version: 2,
  expiries: 0,
};
const expired: SettledOrder = { ...paid, state: 'expired', taken: 0, payments: [], expiries: 1 };
const withPayment = (ours: SettledPayment['ours'], theirs: SettledPayment['theirs']) => ({
  ...expired,
  payments: [{ paymentId: 'p', ours, theirs }],
});

function lifeOf(happened: (life: ReturnType<typeof createLifeTracker>) => void, order: SettledOrder): string[] {
  const life = createLifeTracker();
  happened(life);
  return life.problems([order]);
}
const triesToPay = (life: ReturnType<typeof createLifeTracker>) => {
  life.wishes('a', 'pay');
  life.triesToPay('a');
};

test('a paid order that keeps its money, and one that was left and expired, are well', () => {
  expect(lifeOf(triesToPay, paid)).toEqual([]);
  expect(lifeOf(() => {}, expired)).toEqual([]);
});

test('an order whose money came too late and went back is well (I6)', () => {
  expect(lifeOf(triesToPay, { ...expired, taken: 5, returned: 5 })).toEqual([]);
});

test('a payment that both sides gave up, or that never reached the provider, is well', () => {
  expect(lifeOf(triesToPay, withPayment('failed', 'failed'))).toEqual([]);
  expect(lifeOf(triesToPay, withPayment('failed', null))).toEqual([]);
  expect(lifeOf(triesToPay, withPayment('pending', null))).toEqual([]);
});

test.each<[string, (life: ReturnType<typeof createLifeTracker>) => void, SettledOrder, string]>([
  ['money that is kept for an order that is not', triesToPay, { ...expired, taken: 5 }, 'is kept instead of 0'],
  ['a paid order without its money', triesToPay, { ...paid, taken: 0 }, 'is kept instead of 5'],
  ['money that was taken twice', triesToPay, { ...paid, taken: 10 }, '10 is kept instead of 5'],
  ['money that went back twice', triesToPay, { ...paid, state: 'refunded', returned: 10 }, '-5 is kept'],
  [
    'an order that was shown as paid and expired',
    (life) => {
      triesToPay(life);
      life.saw('a', 'paid');
    },
    expired,
    'was shown as paid and ended as expired',
  ],
  ['an order that is paid without anybody paying', (life) => life.wishes('a', 'cancel'), paid, 'nobody ever paid'],
  [
    'an order that was left and did not expire',
    () => {},
    { ...expired, state: 'cancelled', expiries: 0 },
    'was left alone',
  ],
  [
    'an order that never came to rest',
    triesToPay,
    { ...paid, state: 'refunding', returned: 5 },
    'has not come to rest',
  ],
  ['an order that expired twice', () => {}, { ...expired, expiries: 2 }, 'expired 2 times'],
  ['a paid order that expired before', triesToPay, { ...paid, expiries: 1 }, 'expired 1 times'],
  ['a payment that can be paid after the end', triesToPay, withPayment('pending', 'pending'), 'can be paid still'],
  ['a payment that is open here alone', triesToPay, withPayment('pending', 'failed'), 'is pending here and failed'],
  ['a payment that we do not know', triesToPay, withPayment(null, 'failed'), 'is unknown here'],
  ['money that the provider does not know', triesToPay, withPayment('succeeded', null), 'and unknown at the provider'],
  ['an event that was not heard', triesToPay, { ...paid, received: [2] }, 'heard 2'],
  ['events that were heard in another order', triesToPay, { ...paid, received: [2, 1] }, 'heard 2,1'],
])('finds %s', (_what, happened, order, says) => {
  expect(lifeOf(happened, order)).toEqual([expect.stringContaining(says)]);
});
