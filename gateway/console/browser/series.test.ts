import { expect, test } from 'vitest';
import type { SaleMoment } from '../sample.ts';
import { columnOf, createSeries, perSecond } from './series.ts';

/** arrived, passed, accepted, queued, stored, free, paid, expired, lagMs */
const moment = (second: number, arrived: number | null, shed: Record<string, number> | null = {}): SaleMoment => [
  second * 1000,
  [arrived, arrived, 1, 0, 1, 9, 0, 0, 0],
  shed,
];

test('a counter is shown as growth a second, with a gap where it fell or nobody answered', () => {
  expect(perSecond(10, 30, 2000)).toBe(10);
  expect(perSecond(30, 10, 1000)).toBeNull();
  const series = createSeries();
  series.reset([moment(1, 10), moment(2, 30), moment(3, null), moment(4, 5), moment(6, 25)]);
  expect(series.rates(['arrived'])).toEqual([
    [1, 2, 3, 4, 6],
    [null, 20, null, null, 10],
  ]);
});

test('what is shed is told by reason, the most frequent first', () => {
  const series = createSeries();
  series.reset([moment(1, 0, { sold_out: 5 }), moment(2, 0, { sold_out: 6, rate: 40, other: 0 }), moment(3, 0, null)]);
  expect(series.shedReasons(5)).toEqual([]);
  series.add(moment(4, 0, { sold_out: 6, rate: 50, other: 0 }));
  expect(series.shedReasons(5)).toEqual(['rate', 'sold_out']);
  expect(series.shedRates(['rate'])).toEqual([
    [1, 2, 3, 4],
    [null, 40, null, null],
  ]);
});

test('a moment that came before is not taken twice, and after an hour it is gone', () => {
  const series = createSeries();
  series.reset([moment(1, 1), moment(2, 2)]);
  series.add(moment(2, 99));
  expect(columnOf(series.last(), 'arrived')).toBe(2);
  series.add(moment(3603, 3));
  expect(series.first()?.[0]).toBe(3_603_000);
});

test('looking back shows the newest moment of that time, and nothing before the first', () => {
  const series = createSeries();
  series.reset([moment(10, 1), moment(11, 2), moment(12, 3)]);
  expect(columnOf(series.at(11_500).is, 'arrived')).toBe(2);
  expect(columnOf(series.at(99_000).is, 'arrived')).toBe(3);
  expect(series.at(9000).is).toBeUndefined();
  expect(columnOf(series.at(9000).is, 'arrived')).toBeNull();
});
