import { afterAll, beforeEach, expect, test } from 'vitest';
import { saleKeys } from '#contract/redis-keys.ts';
import { startStockRedis } from '#lab/servers/stock-redis.ts';

const own = await startStockRedis();
const { probe, stock } = own;
let saleId = '';
const openSale = (units: number, change?: Parameters<typeof own.openSale>[2]) => own.openSale(saleId, units, change);
const order = () => own.order(saleId);
const equation = () => own.equation(saleId);

beforeEach(() => {
  saleId = own.newSaleId();
});
afterAll(() => own.stop());

/** Two users hold a unit each, one gave his back, one was refunded for good; then it stands still. */
async function soldAndPaused(): Promise<void> {
  await openSale(10);
  const [held, stored, back, withheld] = [order(), order(), order(), order()];
  await stock.reserve(saleId, { orderId: held, userId: 'a', quantity: 1 });
  await stock.reserve(saleId, { orderId: stored, userId: 'b', quantity: 1 });
  await stock.reserve(saleId, { orderId: back, userId: 'c', quantity: 1 });
  await stock.reserve(saleId, { orderId: withheld, userId: 'd', quantity: 1 });
  await stock.commit(saleId, [stored, back, withheld]);
  await stock.release(saleId, back);
  await stock.release(saleId, withheld, 'withheld');
  await stock.setState(saleId, 'pause');
}
const right = { free: 7, returned: 1, withheld: 1, committed: 3, skipped: 0 };

test.each([
  { what: 'free', wrong: ['11', '2', '-3', 'many', '6.5'] },
  { what: 'returned', wrong: ['0', '5', 'x'] },
  { what: 'withheld', wrong: ['0', '2', '9', 'x'] },
  { what: 'committed', wrong: ['2', '8', 'x'] },
  { what: 'skipped', wrong: ['x'] },
] as const)(
  'puts a wrong count of $what units right, says what stood there, and looks before it writes (I1, I3, I6)',
  async ({ what, wrong }) => {
    await soldAndPaused();
    const keys = saleKeys(saleId);
    for (const from of wrong) {
      if (what === 'free') await probe.set(keys.stock, from);
      else await probe.hset(keys.sale, what, from);
      const told = { kind: 'done', free: 7, counts: [{ name: what, from, to: right[what] }], buyers: [] };
      expect(await stock.recount(saleId, 'look')).toEqual(told);
      expect(await stock.recount(saleId, 'mend')).toEqual(told);
      expect(await stock.recount(saleId, 'mend')).toEqual({ ...told, counts: [] });
      expect(await stock.sale(saleId)).toMatchObject({ ...right, fault: null, state: 'paused' });
    }
  },
);

test('gives every user what his orders hold, and forgets who holds none (I2)', async () => {
  await soldAndPaused();
  const { buyers, stock: stockKey } = saleKeys(saleId);
  await probe.hset(buyers, { a: '3', z: '1' });
  await probe.hdel(buyers, 'b');
  await probe.del(stockKey);
  const outcome = await stock.recount(saleId, 'mend');
  if (outcome.kind !== 'done') throw new Error(outcome.kind);
  expect(outcome.counts).toEqual([{ name: 'free', from: '', to: 7 }]);
  expect(new Set(outcome.buyers)).toEqual(
    new Set([
      { name: 'a', from: '3', to: 1 },
      { name: 'b', from: '', to: 1 },
      { name: 'z', from: '1', to: 0 },
    ]),
  );
  expect(await probe.hgetall(buyers)).toEqual({ a: '1', b: '1' });
});

test('passes over the places that were told while the count was too low: no later order comes before them', async () => {
  await openSale(10);
  await probe.set(saleKeys(saleId).stock, 4);
  expect(await stock.reserve(saleId, { orderId: order(), userId: 'a', quantity: 1 })).toMatchObject({ place: 7 });
  await stock.setState(saleId, 'pause');
  await stock.recount(saleId, 'mend');
  await stock.setState(saleId, 'resume');
  expect(await stock.reserve(saleId, { orderId: order(), userId: 'b', quantity: 1 })).toMatchObject({ place: 8 });
  expect(await equation()).toEqual({ free: 8, held: 2, total: 10 });
});

test('changes nothing on sale, nothing of an unknown sale, and nothing where more is held than there is', async () => {
  expect(await stock.recount(saleId, 'mend')).toEqual({ kind: 'not_standing' });
  await openSale(2, { limit: 3 });
  await probe.set(saleKeys(saleId).stock, 5);
  expect(await stock.recount(saleId, 'mend')).toEqual({ kind: 'not_standing' });
  await stock.reserve(saleId, { orderId: order(), userId: 'u', quantity: 3 });
  await stock.setState(saleId, 'pause');
  expect(await stock.recount(saleId, 'mend')).toMatchObject({ kind: 'oversold', free: -1 });
  expect((await stock.sale(saleId))?.free).toBe(2);
});
