import { expect, test } from 'vitest';
import { createLogger } from '#runtime/logger.ts';
import type { HandedOut } from '../rate/rate.ts';
import { createAskQueue } from './ask-queue.ts';
import { createPermits } from './permits.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const permitsOf = (handOut: (asked: number) => Promise<HandedOut>, isConnected = () => true) =>
  createPermits({ rate: { handOut }, ask: createAskQueue({ isConnected, logger, deadlineMs: 20 }), perSecond: 10_000 });
const allowed = (count: number): HandedOut => ({ kind: 'allowed', count, waitMs: 0 });

test('those who ask at once stand in line, and each waits until one order may expire', async () => {
  const asked: number[] = [];
  const answers = [3, 0, 4, 0, 5];
  const permits = permitsOf(async (count) => {
    asked.push(count);
    return allowed(answers[asked.length - 1] ?? 9);
  });
  expect(await Promise.all([permits.take(10), permits.take(20), permits.take(30)])).toEqual([3, 4, 5]);
  expect(asked).toEqual([10, 20, 20, 30, 30]);
});

test('all that were asked for are waited for, part by part', async () => {
  const asked: number[] = [];
  const permits = permitsOf(async (count) => {
    asked.push(count);
    return allowed(Math.min(count, 4));
  });
  await permits.takeAll(10);
  expect(asked).toEqual([10, 6, 2]);
});

test('without queue Redis a worker keeps the rate by itself, and asks a silent one only now and then', async () => {
  let questions = 0;
  const silent = () => {
    questions += 1;
    return new Promise<HandedOut>(() => {});
  };
  const startedAt = performance.now();
  const away = permitsOf(silent, () => false);
  expect(await away.take(5000)).toBe(1000);
  expect(await away.take(7)).toBe(7);
  expect(performance.now() - startedAt).toBeGreaterThan(90); // 1,000 at 10,000 a second
  expect(questions).toBe(0);
  const permits = permitsOf(silent);
  for (const count of [1, 2, 3]) expect(await permits.take(count)).toBe(count);
  expect(questions).toBe(1);
});
