import { expect, test } from 'vitest';
import { storedCosts, storedSchema } from '#infra/capacity/stored-costs.ts';
import { type StoredRound, summaryOf } from './stored.ts';

const atHalf = [{ sent: 100, seconds: 2, p50Ms: 3, p99Ms: 9, maxMs: 10 }];
const round = (nginx: number, first: number): StoredRound => ({
  stored: {
    ...{ accepted: 10, acceptedPerSecond: 3, storedPerSecond: 2, throughPerSecond: 1, behind: 4 },
    micros: {
      ...{ nginx, loader: 1000, 'seckill-service': 10, 'order-worker': 20, 'stock-redis': 30, 'queue-redis': 5 },
      postgres: 40,
    },
    resting: { nginx: 7 },
  },
  paused: {
    ...{ firstPerSecond: first, perSecond: [first], latePerSecond: 90, atHalf },
    micros: { nginx: 1, 'stock-redis': 12 },
  },
  load: 1,
});

test('the sum of a purchase is that of a round, without the load generator; a ratio is of one round', () => {
  const { microsPerPurchase, perSecond, atHalfThePausedRate } = summaryOf([
    round(10, 100),
    round(30, 60),
    round(20, 90),
  ]);
  expect(microsPerPurchase.stored.sum).toEqual({ median: 125, min: 115, max: 135 });
  expect(microsPerPurchase.stored.loader?.median).toBe(1000);
  expect(perSecond.lateOverFirst).toEqual({ median: 1, min: 0.9, max: 1.5 });
  expect(atHalfThePausedRate.perSecond.median).toBe(50);
});

test('`seckill plan` can read it', () => {
  const where = { date: '2026-12-01T02:00:00.000Z', commit: 'c0ffee1', machine: { model: 'test', cores: 2 } };
  expect(storedCosts(storedSchema.parse({ ...where, ...summaryOf([round(10, 100)]) }))).toEqual({
    ...{ service: 10, worker: 20, stockRedisAccepts: 12, stockRedisStores: 18, queueRedis: 5, postgres: 40 },
  });
});
