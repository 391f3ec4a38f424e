import { expect, test } from 'vitest';
import { percentile, silenceAfter } from './silence.ts';

const steady = (from: number, to: number) => Array.from({ length: (to - from) / 50 }, (_, index) => from + index * 50);

test('a sale that stops sells again when the longest silence ends', () => {
  expect(silenceAfter([...steady(0, 1000), ...steady(3950, 6000)], 1000, 6000)).toEqual({ afterMs: 2950, forMs: 3000 });
});

test('an answer that was under way at the fault does not end the silence', () => {
  const yesAtMs = [...steady(0, 1000), 1020, 1080, ...steady(4000, 6000)];
  expect(silenceAfter(yesAtMs, 1000, 6000)).toEqual({ afterMs: 3000, forMs: 2920 });
});

test('a sale that goes on, and one that never does', () => {
  expect(silenceAfter(steady(0, 6000), 1000, 6000)).toBeNull();
  expect(silenceAfter(steady(0, 1000), 1000, 6000)).toEqual({ afterMs: 5000, forMs: 5050 });
  expect(silenceAfter([], 1000, 6000)).toEqual({ afterMs: 5000, forMs: 5000 });
});

test('what was sold out before the fault tells nothing', () => {
  expect(silenceAfter(steady(0, 900), 1000, 850)).toBeNull();
});

test('percentiles by nearest rank', () => {
  const ten = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1];
  expect([percentile(ten, 0.5), percentile(ten, 0.95), percentile([4], 0.5), percentile([], 0.5)]).toEqual([
    5,
    10,
    4,
    null,
  ]);
});
