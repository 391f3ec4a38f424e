import { expect, test } from 'vitest';
import type { DrainReport } from '#contract/drain.ts';
import { describeDrain } from '#order-worker/drain/describe-drain.ts';
import { drainText } from './drain-status.ts';

const report = (worker: string, change: Partial<DrainReport> = {}): DrainReport => ({
  worker,
  at: 1,
  storedPerSecond: 400,
  limitPerSecond: null,
  slowdown: null,
  inFlight: 0,
  ...change,
});
const slow = (limitPerSecond: number) => ({
  limitPerSecond,
  slowdown: { kind: 'slow' as const, says: 'a batch takes 900 ms in PostgreSQL, usual is 12 ms' },
});
const status = (reports: DrainReport[], settings = { ratePerSecond: 800 as number | null, paused: false }) =>
  describeDrain({
    settings,
    reports,
    queue: { waiting: 10_000, active: 9, delayed: 1, failed: 2, oldestAcceptedAt: 20_000 },
    inOutbox: 90_000,
    nowMs: 32_100,
  });

test('the backlog counts the outbox, and the oldest tells how long it has waited', () => {
  expect(status([report('a'), report('b')])).toMatchObject({
    limitPerSecond: 800,
    because: [],
    storedPerSecond: 800,
    backlog: 100_010,
    oldestSeconds: 12.1,
    failed: 2,
  });
});

test('the limit is lower only when no worker can take all that is set, and never above it', () => {
  expect(status([report('a', slow(100)), report('b', slow(150))]).limitPerSecond).toBe(250);
  expect(status([report('a', slow(700)), report('b', slow(700))]).limitPerSecond).toBe(800);
  expect(status([report('a', slow(100)), report('b')]).limitPerSecond).toBe(800);
  expect(status([report('a')], { ratePerSecond: null, paused: false }).limitPerSecond).toBeNull();
  expect(status([report('a', slow(100))], { ratePerSecond: null, paused: false }).limitPerSecond).toBe(100);
});

test('whatever holds the drain up is said in words', () => {
  expect(drainText(status([report('worker-1', slow(240))]))).toBe(
    [
      'set        800 orders/s',
      'limit now  240 orders/s',
      '           worker-1: a batch takes 900 ms in PostgreSQL, usual is 12 ms',
      'stored     400 orders/s by worker-1',
      'backlog    100010: waiting 10000, active 9, delayed 1, in the outbox 90000',
      'oldest     has waited 12.1 s',
      'dead       2 (seckill dlq list)',
    ].join('\n'),
  );
  expect(status([], { ratePerSecond: 800, paused: true })).toMatchObject({
    limitPerSecond: 0,
    because: [
      'no worker has reported in the last seconds: is order-worker running?',
      'paused by ops: seckill drain resume',
    ],
  });
});
