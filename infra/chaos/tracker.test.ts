import { describe, expect, test } from 'vitest';
import { createTracker, type Told } from './tracker.ts';

const sale = { units: 10, limitPerUser: 2 };
const yes = (place: number): Told => ({ kind: 'yes', place });
const no = (code: string): Told => ({ kind: 'no', code });
const unknown: Told = { kind: 'unknown', why: 'timeout' };
const row = (orderId: string, place: number, quantity = 1, userId = 'u') => ({
  orderId,
  place,
  quantity,
  userId,
  state: 'awaiting_payment' as const,
});

/** One ticket `a` of user u, one unit, with these answers. */
function trackerWith(answers: Told[], quantity = 1) {
  const tracker = createTracker();
  tracker.add({ orderId: 'a', userId: 'u', quantity });
  for (const answer of answers) tracker.told('a', answer);
  return tracker;
}

test('a yes with its row, however often it was repeated, is well', () => {
  expect(trackerWith([unknown, yes(3), yes(3)]).problems([row('a', 3)], sale)).toEqual([]);
});

test('refusals without a row are well, and leave nothing open', () => {
  const tracker = trackerWith([no('BUSY'), no('RATE_LIMITED'), no('LIMIT_REACHED')]);
  expect([tracker.open(), tracker.problems([], sale)]).toEqual([[], []]);
});

test('an unknown stays open until it is settled, either way', () => {
  const bought = trackerWith([unknown]);
  expect(bought.open().map(({ orderId }) => orderId)).toEqual(['a']);
  expect(bought.problems([], sale)).toEqual([expect.stringContaining('unresolved')]);
  bought.settle('a', { kind: 'bought', place: 1 });
  expect([bought.open(), bought.problems([row('a', 1)], sale)]).toEqual([[], []]);
  const not = trackerWith([unknown]);
  not.settle('a', { kind: 'not-bought' });
  expect([not.open(), not.problems([], sale)]).toEqual([[], []]);
});

describe('finds', () => {
  test.each([
    ['a yes without a row', [yes(1)], [], 'has 0 rows'],
    ['two rows for one yes', [yes(1)], [row('a', 1), row('a', 1)], 'has 2 rows'],
    ['a row after a refusal', [no('SOLD_OUT')], [row('a', 1, 10)], 'was told no'],
    ['a row that nobody asked for', [no('BUSY')], [row('ghost', 1)], 'nobody asked'],
    ['two places for one ticket', [yes(1), yes(2)], [row('a', 1)], 'two places'],
    ['another place in the row', [yes(1)], [row('a', 2)], 'its shopper was told 1'],
    ['another user in the row', [yes(1)], [row('a', 1, 1, 'v')], 'user v instead of u'],
    ['more units in the row', [yes(2)], [row('a', 2, 2)], '2 units instead of 1'],
    ['a limit said to a ticket that has a yes', [yes(1), no('LIMIT_REACHED')], [row('a', 1)], 'as well'],
    ['a refusal that no fault explains', [no('PAUSED')], [], 'not so'],
    ['sold out said while units are left', [no('SOLD_OUT')], [], 'units are left'],
  ])('%s', (_what, answers, rows, words) => {
    expect(trackerWith(answers).problems(rows, sale).join('\n')).toContain(words);
  });

  test('a row for what a replay said was not bought', () => {
    const tracker = trackerWith([unknown]);
    tracker.settle('a', { kind: 'not-bought' });
    expect(tracker.problems([row('a', 1)], sale)).toEqual([expect.stringContaining('not bought')]);
  });

  test('an order that vanished from sight, or moved', () => {
    const vanished = trackerWith([yes(1)]);
    vanished.saw('a', null);
    expect(vanished.problems([row('a', 1)], sale)).toEqual([expect.stringContaining('no such order')]);
    const moved = trackerWith([yes(1)]);
    moved.saw('a', 2);
    expect(moved.problems([row('a', 1)], sale).join()).toContain('two places');
  });

  test('places that overlap, a user above the limit, more units than there are', () => {
    const tracker = createTracker();
    const rows = [row('a', 5, 5), row('b', 8, 4), row('c', 12, 3, 'w')];
    for (const { orderId, userId, quantity, place } of rows) {
      tracker.add({ orderId, userId, quantity });
      tracker.told(orderId, yes(place));
    }
    expect(tracker.problems(rows, sale)).toEqual([
      'a and b share place 5',
      '12 units are sold of 10',
      'u has 9 units, the limit is 2 (I2)',
      'w has 3 units, the limit is 2 (I2)',
    ]);
  });
});

test('where units come back, a refusal may become a yes, and an ended order counts no more', () => {
  const tracker = createTracker({ unitsComeBack: true });
  tracker.add({ orderId: 'a', userId: 'u', quantity: 2 });
  tracker.add({ orderId: 'b', userId: 'u', quantity: 2 });
  for (const answer of [no('LIMIT_REACHED'), no('SOLD_OUT'), yes(4)]) tracker.told('a', answer);
  tracker.told('b', yes(2));
  const rows = [{ ...row('b', 2, 2), state: 'expired' as const }, row('a', 4, 2)];
  expect(tracker.problems(rows, { units: 3, limitPerUser: 2 })).toEqual([]);
});

describe('the tally', () => {
  test('of a round that holds is nothing, however often a yes was repeated', () => {
    const tracker = trackerWith([unknown, yes(3), yes(3)], 2);
    tracker.add({ orderId: 'b', userId: 'v', quantity: 1 });
    tracker.told('b', yes(4));
    expect(tracker.tally([row('a', 3, 2), row('b', 4)], new Set('ab'))).toEqual({ lost: 0, toldTwice: 0 });
  });

  test('counts a yes that is nowhere, and one that was given another place when it was asked for again', () => {
    const tracker = trackerWith([yes(3)]);
    tracker.add({ orderId: 'b', userId: 'v', quantity: 1 });
    for (const told of [yes(4), yes(9)]) tracker.told('b', told);
    expect(tracker.tally([row('b', 9)], new Set('b'))).toEqual({ lost: 2, toldTwice: 0 });
  });

  test('counts a yes of which stock Redis has forgotten what the database has', () => {
    expect(trackerWith([yes(3)]).tally([row('a', 3)], new Set())).toEqual({ lost: 1, toldTwice: 0 });
  });

  test('counts each place that two shoppers were told, also where orders of several units overlap', () => {
    const tracker = trackerWith([yes(5)], 3);
    tracker.add({ orderId: 'b', userId: 'v', quantity: 2 });
    tracker.told('b', yes(4));
    expect(tracker.tally([row('a', 5, 3)], new Set('a'))).toEqual({ lost: 1, toldTwice: 2 });
  });
});
