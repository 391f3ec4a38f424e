import { expect, test } from 'vitest';
import { createLogger } from '#runtime/logger.ts';
import { startExpirySweep } from './sweep.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const refusal = Object.assign(new Error('check'), { code: '23514' });

/** A line of overdue orders, oldest first; those marked `refused` cannot be expired. */
function lineOf(orders: { refused: boolean }[]) {
  let line = orders;
  const looks: (readonly number[])[] = [];
  return {
    left: () => line,
    looks,
    expireOverdue: async (options: { limit: number; skip?: number; inHand?: readonly number[] }) => {
      const { limit, skip = 0, inHand = [] } = options;
      looks.push(inHand);
      const taken = line.slice(skip, skip + limit);
      if (taken.some(({ refused }) => refused)) throw refusal;
      line = line.filter((order) => !taken.includes(order));
      return taken.length;
    },
  };
}
const sweepOf = (expiry: ReturnType<typeof lineOf>, dueTimers: () => Promise<number[]> = async () => []) => {
  const taken: number[] = [];
  const permits = { takeAll: async (count: number) => void (count > 0 && taken.push(count)) };
  return { taken, loop: startExpirySweep({ expiry, dueTimers, permits, logger, everyMs: 5 }) };
};

test('an order that cannot be expired holds up none of those behind it', async () => {
  const line = lineOf(Array.from({ length: 700 }, (_, index) => ({ refused: index === 3 || index === 250 })));
  const { loop } = sweepOf(line);
  await expect.poll(() => line.left().length, { timeout: 20_000 }).toBe(2);
  await loop.close();
});

test('each order that it expired is one of the rate, and a look that finds none is free', async () => {
  const line = lineOf(Array.from({ length: 450 }, () => ({ refused: false })));
  const { loop, taken } = sweepOf(line);
  await expect.poll(() => line.looks.length, { timeout: 20_000 }).toBeGreaterThan(5);
  await loop.close();
  expect(taken).toEqual([200, 200, 50]);
});

test('the seconds of due timers are asked for anew before each look', async () => {
  const line = lineOf([]);
  const { loop } = sweepOf(line, async () => [line.looks.length]);
  await expect.poll(() => line.looks.length, { timeout: 20_000 }).toBeGreaterThan(2);
  await loop.close();
  expect(line.looks.slice(0, 3)).toEqual([[0], [1], [2]]);
});
