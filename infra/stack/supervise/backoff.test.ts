import { expect, test } from 'vitest';
import { backoffMs, nextFailures } from './backoff.ts';

test('restarts come later and later, never later than five seconds', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 1000].map(backoffMs)).toEqual([200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
});

test('half a minute of life makes the next restart quick again', () => {
  expect(nextFailures(5, 29_999)).toBe(6);
  expect(nextFailures(5, 30_000)).toBe(1);
});
