import { expect, test } from 'vitest';
import { createPace } from './pace.ts';

test('after a burst of a tenth of a second the rest come evenly, and a pause gives no more than that burst', () => {
  let at = 5000;
  const pace = createPace(1000, () => at);
  const rests = (count: number) => Array.from({ length: count }, pace);
  expect(rests(100)).toEqual(Array(100).fill(0));
  expect(rests(3)).toEqual([1, 2, 3]);
  at += 3;
  expect(rests(1)).toEqual([1]);
  at += 60_000;
  expect(rests(102).slice(-3)).toEqual([0, 1, 2]);
});

test('without a limit nothing rests', () => {
  expect(createPace(null, () => 0)()).toBe(0);
});
