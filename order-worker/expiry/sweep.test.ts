import { expect, test } from 'vitest';
import { createLogger } from '#runtime/logger.ts';
import { startExpirySweep } from './sweep.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const refusal = Object.assign(new Error('check'), { code: '23514' });

/** A line of overdue orders, oldest first; those marked `refused` cannot be expired. */
function lineOf(orders: { refused: boolean }[]) {
  let line = orders;
  return {
    left: () => line,
    expireOverdue: async (_overdueMs: number, limit: number, skip = 0) => {
      const taken = line.slice(skip, skip + limit);
      if (taken.some(({ refused }) => refused)) throw refusal;
      line = line.filter((order) => !taken.includes(order));
      return taken.length;
    },
  };
}
const sweepOf = (expiry: ReturnType<typeof lineOf>, dueJobs: () => Promise<number>) => {
  const waits: number[] = [];
  const wait = async (ms: number) => void waits.push(ms);
  return { waits, loop: startExpirySweep({ expiry, dueJobs, wait, logger, perSecond: 2000, everyMs: 5 }) };
};

test('an order that cannot be expired holds up none of those behind it', async () => {
  const line = lineOf(Array.from({ length: 700 }, (_, index) => ({ refused: index === 3 || index === 250 })));
  const { loop } = sweepOf(line, async () => 0);
  await expect.poll(() => line.left().length, { timeout: 20_000 }).toBe(2);
  await loop.close();
});

test('it keeps the rate, waits while due jobs stand in the queue, and does not wait for a silent queue Redis', async () => {
  let answer: () => Promise<number> = async () => 5000;
  let questions = 0;
  const line = lineOf(Array.from({ length: 400 }, () => ({ refused: false })));
  const { loop, waits } = sweepOf(line, () => {
    questions += 1;
    return answer();
  });
  await expect.poll(() => questions, { timeout: 20_000 }).toBeGreaterThan(2);
  expect(line.left()).toHaveLength(400);
  answer = () => new Promise(() => {});
  await expect.poll(() => line.left().length, { timeout: 20_000 }).toBe(0);
  await loop.close();
  expect(waits.slice(0, 2)).toEqual([100, 100]);
});
