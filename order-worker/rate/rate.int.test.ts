import { Redis } from 'ioredis';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { startRedis } from '#lab/servers/redis.ts';
import { createSharedRate } from './rate.ts';

const bucket = 'seckill:drain:bucket';
const server = await startRedis();
const [one, two] = [new Redis(server.url), new Redis(server.url)].map((redis) => ({
  redis,
  rate: createSharedRate(redis, bucket),
})) as [
  { redis: Redis; rate: ReturnType<typeof createSharedRate> },
  { redis: Redis; rate: ReturnType<typeof createSharedRate> },
];
const at = (ratePerSecond: number | null, paused = false) => ({ ratePerSecond, paused });

beforeEach(async () => void (await one.redis.flushall()));
afterAll(async () => {
  one.redis.disconnect();
  two.redis.disconnect();
  await server.stop();
});

test('two workers share one rate: what one was handed out, the other has to wait for', async () => {
  expect(await one.rate.handOut(100, at(1))).toMatchObject({ kind: 'allowed', count: 1 });
  const other = await two.rate.handOut(100, at(1));
  expect(other).toMatchObject({ kind: 'allowed', count: 0 });
  expect(other.kind === 'allowed' && other.waitMs).toBeGreaterThan(500);
});

test('two workers together are handed out a second’s worth in a second, by Redis’ own clock to 0.2 s', async () => {
  const ratePerSecond = 400;
  const seconds = async () => {
    const [whole = 0, micros = 0] = (await one.redis.time()).map(Number);
    return whole + micros / 1e6;
  };
  let given = 0;
  const beganAt = await seconds();
  await poll('a second’s worth', async () => {
    for (const { rate } of [one, two]) {
      const handed = await rate.handOut(Math.min(50, ratePerSecond - given), at(ratePerSecond));
      if (handed.kind === 'allowed') given += handed.count;
      expect(given).toBeLessThanOrEqual(ratePerSecond * ((await seconds()) - beganAt + 0.2) + 1);
    }
    return given === ratePerSecond;
  });
});

test('time in which orders waited is made up for, for a fifth of a second; idle time is not', async () => {
  const longAgo = async () => void (await one.redis.hset(bucket, { tat: 1, rate: 100, paused: 0 }));
  await longAgo();
  expect(await one.rate.handOut(1000, at(100))).toMatchObject({ count: 21 });
  await longAgo();
  expect(await one.rate.handOut(1000, at(100), true)).toMatchObject({ count: 1 });
});

test('a rate that is raised counts at once', async () => {
  await one.rate.handOut(1, at(1));
  await one.rate.handOut(1, at(1));
  const raised = await one.rate.handOut(1000, at(1_000_000));
  expect(raised.kind === 'allowed' && raised.waitMs).toBeLessThan(100);
});

test('uncapped hands out all that is asked for; paused nothing, and the pause is not made up for', async () => {
  expect(await one.rate.handOut(500, at(null))).toEqual({ kind: 'allowed', count: 500, waitMs: 0 });
  expect(await one.rate.handOut(500, at(100, true))).toEqual({ kind: 'paused' });
  expect(await one.rate.handOut(500, at(100))).toMatchObject({ count: expect.toSatisfy((count) => count <= 21) });
});

test('a worker that does not know the rate goes by what another one said, and by none when none did', async () => {
  expect(await two.rate.handOut(5, null)).toEqual({ kind: 'unknown' });
  await one.rate.handOut(1, at(1));
  expect(await two.rate.handOut(5, null)).toMatchObject({ kind: 'allowed', count: 0 });
});
