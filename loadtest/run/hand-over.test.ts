import { expect, test, vi } from 'vitest';
import { createHandOver } from './hand-over.ts';

test('every ticket is handed to one buyer, the oldest first, and toward the end one at a time', async () => {
  const handOver = createHandOver({ shoppers: 30_000, buyers: 100 });
  for (let number = 0; number < 30_000; number += 1) handOver.give(String(number));
  const taken: string[][] = [];
  for (let count = 0; count < 30_000; ) {
    const lines = await handOver.take();
    taken.push(lines);
    count += lines.length;
  }
  expect(taken.flat().map(Number)).toEqual(Array.from({ length: 30_000 }, (_, number) => number));
  expect(taken[0]).toHaveLength(8);
  expect(taken.at(-1)).toHaveLength(1);
});

test('a buyer without a ticket waits for the next one, and not for ever', async () => {
  vi.useFakeTimers();
  const handOver = createHandOver({ shoppers: 10, buyers: 2 });
  const [early, second, third] = [handOver.take(), handOver.take(), handOver.take()];
  handOver.give('one');
  handOver.give('two');
  vi.advanceTimersByTime(5000);
  handOver.give('three');
  expect(await Promise.all([early, second, third, handOver.take()])).toEqual([['one'], ['two'], [], ['three']]);
  vi.useRealTimers();
});
