import { expect, test } from 'vitest';
import { createStockClock } from './stock-clock.ts';

/** Redis is 500,000 ms ahead of this process; each reading takes its two ways, in ms. */
function clockWith(ways: [there: number, back: number][]) {
  let nowMs = 1000;
  let aheadMs = 500_000;
  const left = [...ways];
  const stock = {
    clock: async () => {
      const [there, back] = left.shift() ?? [0, 0];
      nowMs += there;
      const theirs = nowMs + aheadMs;
      nowMs += back;
      return theirs;
    },
  };
  const clock = createStockClock(stock, () => nowMs);
  const behind = () => nowMs + aheadMs - (clock.now() ?? Number.NaN);
  return { clock, behind, step: (ms: number) => (aheadMs += ms) };
}

test('it is never ahead of the truth, and behind it by the way back of the best reading', async () => {
  const { clock, behind } = clockWith([
    [40, 300],
    [2, 3],
    [30, 80],
  ]);
  expect(clock.now()).toBeNull();
  await clock.read(3);
  expect(behind()).toBe(3);
});

test('a slow reading in passing does not replace a good one; a good one follows a clock that was set', async () => {
  const { clock, behind, step } = clockWith([
    [1, 1],
    [5, 1],
    [3, 0],
    [0, 900],
    [1, 2],
  ]);
  await clock.read(3);
  await clock.read();
  expect(behind()).toBe(1);
  step(7000);
  await clock.read();
  expect(behind()).toBe(2);
});
