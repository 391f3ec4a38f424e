import { afterAll, expect, test } from 'vitest';
import { saleKeys } from '#contract/redis-keys.ts';
import { startStockRedis } from '#lab/servers/stock-redis.ts';

const own = await startStockRedis();
const { probe: redis, stock } = own;
afterAll(() => own.stop());

/** A sale that has sold two of three units, and whose window was over a minute ago. */
async function endedSale(saleId: string) {
  const plan = { total: 3, opensAtMs: 0, closesAtMs: Date.now() + 60_000, limitPerUser: 1, lowestEpoch: 0 };
  await stock.preload(saleId, plan);
  await stock.setState(saleId, 'open');
  await stock.reserve(saleId, { orderId: `${saleId}-1`, userId: 'u1', quantity: 1 });
  await stock.reserve(saleId, { orderId: `${saleId}-2`, userId: 'u2', quantity: 1 });
  await redis.hset(saleKeys(saleId).sale, 'closesAt', Date.now() - 60_000);
}

test('a sale is struck off only when nothing of it is on its way, and a late refund is served all the same (I1, I3)', async () => {
  await endedSale('tea');
  expect(await stock.retire('tea', 1000)).toBe(false); // two orders in the outbox
  await redis.xtrim(saleKeys('tea').outbox, 'MAXLEN', 0);
  expect(await stock.retire('tea', 1000)).toBe(false); // two held
  await stock.commit('tea', ['tea-1']);
  expect(await stock.retire('tea', 1000)).toBe(false); // one held
  await stock.release('tea', 'tea-2');
  expect(await stock.retire('tea', 3_600_000)).toBe(false); // not over for long enough
  expect(await stock.sales()).toEqual(['tea']);
  expect(await stock.retire('tea', 1000)).toBe(true);
  expect(await stock.sales()).toEqual([]);

  expect((await stock.release('tea', 'tea-1')).kind).toBe('released');
  expect((await stock.release('tea', 'tea-1')).kind).toBe('already');
  expect((await stock.cut('tea'))?.sale).toMatchObject({ free: 3, total: 3, committed: 2, returned: 2 });
});

test('a draft, a paused sale and one without stock stay; orders that are given back bring a sale back', async () => {
  await endedSale('paused');
  await redis.xtrim(saleKeys('paused').outbox, 'MAXLEN', 0);
  await stock.commit('paused', ['paused-1', 'paused-2']);
  await stock.setState('paused', 'pause');
  expect(await stock.retire('paused', 0)).toBe(false);
  await stock.setState('paused', 'resume');
  expect(await stock.retire('paused', 0)).toBe(true);
  await stock.setState('paused', 'pause');
  const order = { orderId: 'paused-3', userId: 'u3', units: 1, place: 3, state: 'held', acceptedAt: 1 } as const;
  expect(await stock.restore('paused', order)).toBe('restored');
  expect(await stock.sales()).toEqual(['paused']);

  await stock.preload('draft', { total: 1, opensAtMs: 0, closesAtMs: 1, limitPerUser: 1, lowestEpoch: 0 });
  expect(await stock.retire('draft', 0)).toBe(false);
  expect(await stock.retire('nowhere', 0)).toBe(false);
});
