import { expect, test } from 'vitest';
import { type Reading, usedBetween, usedWithEnded } from './processor-time.ts';

const reading = (...tasks: [task: number, pid: number, micros: number, name?: string][]): Reading =>
  new Map(tasks.map(([task, pid, micros, name = 'postgres']) => [task, { name, pid, micros }]));

test('what a process uses is the growth of its threads; one that began meanwhile counts whole', () => {
  const before = reading([1, 1, 100], [2, 1, 50], [9, 9, 1, 'nginx']);
  const after = reading([1, 1, 130], [2, 1, 50], [3, 3, 7], [9, 9, 5, 'nginx']);
  expect(usedBetween(before, after)).toEqual({ postgres: 37, nginx: 4 });
});

test('a backend that ended counts with what it used since the first reading, one that began and ended as a whole', () => {
  const before = reading([1, 1, 100], [2, 2, 4000], [9, 9, 70_000, 'nginx']);
  const after = reading([1, 1, 130]);
  // The kernel says 10,000 of the two that ended: 4,000 of them were used before.
  expect(usedWithEnded('postgres', before, after, 10_000)).toBe(30 + 6000);
  // It counts in steps of 10 ms: what ended may not be told yet.
  expect(usedWithEnded('postgres', before, after, 0)).toBe(30);
});
