import { expect, test } from 'vitest';
import { createMicroBatcher } from './micro-batch.ts';

test('a full batch goes at once, the rest after the wait', async () => {
  const batches: number[][] = [];
  const batcher = createMicroBatcher<number, number>({
    handle: async (items) => {
      batches.push([...items]);
      return items.map((item) => item * 10);
    },
    maxSize: 2,
    maxWaitMs: 1,
  });
  expect(await Promise.all([1, 2, 3].map((item) => batcher.add(item)))).toEqual([10, 20, 30]);
  expect(batches).toEqual([[1, 2], [3]]);
});

test('with no wait at all, what comes in one turn of the event loop goes together', async () => {
  const batches: number[][] = [];
  const batcher = createMicroBatcher<number, number>({
    handle: async (items) => {
      batches.push([...items]);
      return items;
    },
    maxSize: 100,
    maxWaitMs: 0,
  });
  await Promise.all([1, 2].map(async (item) => batcher.add(item)));
  await batcher.add(3);
  expect(batches).toEqual([[1, 2], [3]]);
});

test('a bad item is rejected alone, a failed batch as a whole', async () => {
  const bad = createMicroBatcher<number, string>({
    handle: async (items) => items.map((item) => (item === 2 ? new Error('bad') : 'good')),
    maxSize: 3,
    maxWaitMs: 1,
  });
  const results = await Promise.allSettled([1, 2, 3].map((item) => bad.add(item)));
  expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);

  const broken = createMicroBatcher<number, string>({
    handle: async () => Promise.reject(new Error('down')),
    maxSize: 2,
    maxWaitMs: 1,
  });
  const all = await Promise.allSettled([1, 2].map((item) => broken.add(item)));
  expect(all.map((result) => result.status)).toEqual(['rejected', 'rejected']);
});
