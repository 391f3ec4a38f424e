import { expect, test } from 'vitest';
import { timelineEndIn } from './create-source.ts';

const history = '1\t0/5000000\tno recovery target specified\n\n2\t0/A0001B8\tno recovery target specified\n';

test.each([
  [1, '0/5000000'],
  [2, '0/A0001B8'],
  [3, null],
])('where timeline %i was left', (timeline, place) => {
  expect(timelineEndIn(history, timeline)).toBe(place);
});
