import { afterAll, beforeEach, expect, test } from 'vitest';
import { highestEpoch } from '#contract/epoch.ts';
import { saleKeys } from '#contract/redis-keys.ts';
import { startStockRedis } from '#lab/servers/stock-redis.ts';

const own = await startStockRedis();
const { probe, stock } = own;
let saleId = '';
const setEpoch = (text: string) => probe.hset(saleKeys(saleId).sale, 'epoch', text);
const reserve = async (userId: string) => {
  const orderId = own.order(saleId);
  return { orderId, outcome: await stock.reserve(saleId, { orderId, userId, quantity: 1 }) };
};

beforeEach(async () => {
  saleId = own.newSaleId();
  await own.openSale(saleId, 1);
});
afterAll(() => own.stop());

test.each([String(2 ** 53 - 1), String(highestEpoch + 1), '-1', '1.5', 'x'])(
  'an epoch of %s is a fault, and the next change of state sets it above what was published (I7)',
  async (wrong) => {
    await setEpoch(wrong);
    expect(await stock.sale(saleId)).toMatchObject({ epoch: 0, state: 'open', fault: `its epoch is none: "${wrong}"` });
    const paused = await stock.pauseForFault(saleId, 'its epoch is none', 7);
    expect(paused).toEqual({ kind: 'done', state: 'paused', epoch: 8 });
    await setEpoch(wrong);
    expect(await stock.mend(saleId, 8)).toEqual({ kind: 'done', state: 'paused', epoch: 9 });
    expect(await stock.setState(saleId, 'resume')).toEqual({ kind: 'done', state: 'open', epoch: 10 });
    expect(await stock.sale(saleId)).toMatchObject({ epoch: 10, fault: null });
  },
);

test('at the highest epoch a sale is sold, opened again, paused and loaded as ever', async () => {
  await setEpoch(String(highestEpoch));
  const sold = await reserve('ada');
  expect(sold.outcome).toMatchObject({ kind: 'accepted', soldOutEpoch: highestEpoch });
  expect((await reserve('bob')).outcome).toEqual({ kind: 'sold_out', epoch: highestEpoch });
  expect(await stock.release(saleId, sold.orderId)).toEqual({ kind: 'released', openEpoch: highestEpoch });
  for (const [action, state] of [
    ['pause', 'paused'],
    ['resume', 'open'],
  ] as const) {
    expect(await stock.setState(saleId, action)).toEqual({ kind: 'done', state, epoch: highestEpoch });
  }
  const loaded = { total: 1, opensAtMs: 1, closesAtMs: 2, limitPerUser: 1, lowestEpoch: highestEpoch };
  expect(await stock.preload(own.newSaleId(), loaded)).toEqual({ kind: 'done', epoch: highestEpoch });
});
