import { expect, test } from 'vitest';
import { growingWaitMs } from './growing-wait.ts';

const schedule = { tries: 16, firstMs: 10_000, longestMs: 7_200_000 };
const middle = () => 0.5;

test('sixteen tries wait from ten seconds to two hours, each time longer', () => {
  const waits = Array.from({ length: 15 }, (_, index) => growingWaitMs(schedule, index + 1, middle));
  expect([waits[0], waits.at(-1)]).toEqual([10_000, 7_200_000]);
  expect(waits.toSorted((a, b) => a - b)).toEqual(waits);
});

test('a wait is spread by a tenth either way and never grows past the end of the schedule', () => {
  expect(growingWaitMs(schedule, 1, () => 0)).toBe(9000);
  expect(growingWaitMs(schedule, 99, () => 1)).toBe(7_920_000);
});

test('one or two tries have a schedule too', () => {
  expect(growingWaitMs({ tries: 1, firstMs: 50, longestMs: 100 }, 1, middle)).toBe(50);
  expect(growingWaitMs({ tries: 2, firstMs: 50, longestMs: 100 }, 1, middle)).toBe(50);
});
