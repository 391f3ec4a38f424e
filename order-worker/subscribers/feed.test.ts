import { expect, test } from 'vitest';
import { roomIn } from './feed.ts';

const counts = (change: Partial<Parameters<typeof roomIn>[0]> = {}) => ({
  ...{ waiting: 0, active: 0, delayed: 0, replaying: 0, dead: 0 },
  ...change,
});

test('a queue has room up to what may stand ready, and less while nothing gets through', () => {
  expect(roomIn(counts(), false)).toBe(5000);
  expect(roomIn(counts({ waiting: 4990 }), false)).toBe(10);
  expect(roomIn(counts({ waiting: 10, delayed: 9000 }), true)).toBe(990);
  expect(roomIn(counts({ waiting: 10, delayed: 9990 }), true)).toBe(0);
});

test('when dead letters are all there is, one order at a time finds out whether the subscriber is well again', () => {
  expect(roomIn(counts({ dead: 10_000 }), true)).toBe(1);
  expect(roomIn(counts({ dead: 10_000, delayed: 1 }), true)).toBe(0);
  expect(roomIn(counts({ dead: 50_000 }), false)).toBe(1);
  expect(roomIn(counts({ dead: 60_000 }), false)).toBe(0);
});
