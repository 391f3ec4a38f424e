import { expect, test } from 'vitest';
import { createTurns } from './turns.ts';

test('as many run at a time as may, the first to come first, and one that fails gives its place back', async () => {
  const inTurn = createTurns(2);
  const ends: (() => void)[] = [];
  const began: number[] = [];
  const work = (nth: number) =>
    inTurn(async () => {
      began.push(nth);
      await new Promise<void>((resolve) => ends.push(resolve));
      if (nth === 0) throw new Error('failed');
    }).catch(() => undefined);
  const all = [0, 1, 2, 3].map(work);
  await expect.poll(() => began).toEqual([0, 1]);
  ends[0]?.();
  await expect.poll(() => began).toEqual([0, 1, 2]);
  for (const nth of [1, 2, 3]) {
    await expect.poll(() => ends.length).toBeGreaterThan(nth);
    ends[nth]?.();
  }
  await Promise.all(all);
  expect(began).toEqual([0, 1, 2, 3]);
});
