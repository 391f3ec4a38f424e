import { randomUUID } from 'node:crypto';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { startStockRedis } from '#lab/servers/stock-redis.ts';
import { rehearse } from './rehearse.ts';

// A stock Redis of its own: nobody but the test writes keys there.
const own = await startStockRedis();
const { redis, stock } = own;
beforeEach(async () => void (await redis.flushall()));
afterAll(() => own.stop());

const window = { opensAtMs: Date.now() + 3_600_000, closesAtMs: Date.now() + 7_200_000 };
const run = (plan: Partial<Parameters<typeof rehearse>[3]> = {}) =>
  rehearse(redis, 'tea', randomUUID(), { total: 5, limitPerUser: 2, ...window, ...plan });

test('a dry purchase works before the opening, also of the only unit, and leaves no key and no message', async () => {
  const heard: string[] = [];
  const listener = redis.duplicate();
  listener.on('pmessage', (_pattern: string, channel: string) => heard.push(channel));
  await listener.psubscribe('seckill:sale*');
  for (const plan of [{}, { total: 1, limitPerUser: 1 }, { total: 2, limitPerUser: 2 }]) {
    expect(await run(plan)).toEqual({ trouble: [] });
  }
  await redis.publish('seckill:sale-end', ''); // whatever was told before has been heard when this is
  await expect.poll(() => heard.at(-1), { timeout: 20_000 }).toBe('seckill:sale-end');
  expect(heard).toEqual(['seckill:sale-end']);
  listener.disconnect();
  expect(await redis.keys('*')).toEqual([]);
});

test('the sale beside it is as it was, while it sells (I1)', async () => {
  const plan = { total: 5, limitPerUser: 2, opensAtMs: Date.now() - 1000, closesAtMs: window.closesAtMs };
  await stock.preload('tea', { ...plan, lowestEpoch: 0 });
  await stock.setState('tea', 'open');
  await stock.reserve('tea', { orderId: 'tea-1', userId: 'someone', quantity: 1 });
  const before = await stock.cut('tea');
  expect(await run(plan)).toEqual({ trouble: [] });
  expect(await stock.cut('tea')).toEqual(before);
  expect(await stock.outboxLength('tea')).toBe(1);
});

test('a window that is over is told at the step that it stops', async () => {
  const { trouble } = await run({ opensAtMs: 1, closesAtMs: 2 });
  expect(trouble[0]).toBe('buying: closed');
});

test('a Redis that is out of memory is a fault', async () => {
  await redis.config('SET', 'maxmemory', '1');
  try {
    await expect(run()).rejects.toThrow(/EXECABORT|OOM/);
  } finally {
    await redis.config('SET', 'maxmemory', '0');
  }
});
