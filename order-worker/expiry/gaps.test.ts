import { expect, test } from 'vitest';
import { gapsBetween } from './gaps.ts';

const [always, never] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];

test('the gaps between timers leave out their seconds, and no other', () => {
  expect(gapsBetween([])).toEqual([{ since: always, until: never }]);
  expect(gapsBetween([12, 10, 11, 20, 20])).toEqual([
    { since: always, until: 9 },
    { since: 12, until: 19 },
    { since: 20, until: never },
  ]);
});
