import { afterAll, beforeEach, expect, test, vi } from 'vitest';
import { startOrdersDatabase } from '#lab/kits/orders.ts';
import { inTransaction } from '#runtime/postgres/connect.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { createStock } from '#stock/create-stock.ts';
import { StockFault } from '#stock/fault.ts';
import { moveOrders } from '../orders/move-orders.ts';
import { createOrderStore } from '../orders/order-store.ts';
import { startOutbox } from './outbox.ts';
import { createTellStock } from './tell-stock.ts';

vi.setConfig({ testTimeout: 120_000, expect: { poll: { timeout: 45_000 } } });

const database = await startOrdersDatabase(['postgres', 'stock-redis']);
const { pool, logger } = database;
const redis = connectRedis('patient', database.environment.SECKILL_STOCK_REDIS_URL ?? '', logger);
const stock = createStock(redis);
const store = createOrderStore(pool);
const outboxOf = (tell: Parameters<typeof startOutbox>[0]['tell']) =>
  startOutbox({ consumer: 'stock', pool, logger, tell, everyMs: 10 });
let saleId = '';

afterAll(async () => {
  disconnectRedis(redis);
  await database.close();
});
beforeEach(async () => {
  await pool.query('DELETE FROM outbox');
  saleId = await database.makeSale({ units: 1 });
  const now = Date.now();
  const window = { opensAtMs: now - 1000, closesAtMs: now + 3_600_000 };
  await stock.preload(saleId, { total: 1, ...window, limitPerUser: 1, lowestEpoch: 0 });
  await stock.setState(saleId, 'open');
});

/** Buys the only unit and stores the order. */
async function bought(): Promise<string> {
  const order = database.makeOrder(saleId);
  expect(await stock.reserve(saleId, { orderId: order.orderId, userId: order.userId, quantity: 1 })).toMatchObject({
    kind: 'accepted',
  });
  await store.store([order]);
  await stock.commit(saleId, [order.orderId]);
  return order.orderId;
}
const expire = (orderId: string) =>
  inTransaction(pool, (client) => moveOrders(client, { orderIds: [orderId], from: 'awaiting_payment', to: 'expired' }));
const waiting = async () => (await pool.query('SELECT count(*)::int AS n FROM outbox')).rows[0]?.n;
const picture = async (orderId: string) => redis.hget(`seckill:{${saleId}}:orders`, orderId);

test('an expired order gives its unit back once, the sale opens again, and its picture says so (I6, I7)', async () => {
  const orderId = await bought();
  expect(await stock.sale(saleId)).toMatchObject({ state: 'sold_out', free: 0 });
  const reopened: number[] = [];
  const tell = createTellStock({ stock, store, logger, onReopened: (_saleId, epoch) => reopened.push(epoch) });
  await expire(orderId);
  const outbox = outboxOf(tell);
  await expect.poll(waiting).toBe(0);
  await outbox.close();
  await tell([{ seq: 1, orderId }]); // told twice, as after a crash between telling and taking out
  expect(await stock.sale(saleId)).toMatchObject({ state: 'open', free: 1, returned: 1 });
  expect(reopened).toHaveLength(1);
  expect(await picture(orderId)).toMatch(/^2:x:/);
});

test('while stock Redis is away the entry stays, and is told when it is back (I6)', async () => {
  const orderId = await bought();
  await expire(orderId);
  let isAway = true;
  let tries = 0;
  const tell = createTellStock({ stock, store, logger });
  const outbox = outboxOf(async (entries) => {
    tries += 1;
    if (isAway) throw new StockFault('unavailable', 'away');
    await tell(entries);
  });
  await expect.poll(() => tries).toBeGreaterThan(2);
  expect(await waiting()).toBe(1);
  expect(await stock.sale(saleId)).toMatchObject({ free: 0 });
  isAway = false;
  await expect.poll(waiting).toBe(0);
  await outbox.close();
  expect(await stock.sale(saleId)).toMatchObject({ free: 1 });
});

test('what no replica of stock Redis has leaves the entry where it is (I6)', async () => {
  const orderId = await bought();
  await expire(orderId);
  const passed: boolean[] = [];
  const onBarrier = (_seconds: number, isReplicated: boolean) => passed.push(isReplicated);
  const outbox = outboxOf(createTellStock({ stock: createStock(redis, { replicas: 1, onBarrier }), store, logger }));
  await expect.poll(() => passed.length).toBeGreaterThan(1);
  await outbox.close();
  expect(passed).not.toContain(true); // this server has no replica
  expect(await waiting()).toBe(1);
  expect(await stock.sale(saleId)).toMatchObject({ free: 1 }); // told, and told again until it is certain
});

test('an older picture never overwrites a newer one', async () => {
  const orderId = await bought();
  const shown = { orderId, payByMs: 5, amount: 100, currency: 'CNY' };
  await stock.show(saleId, [{ ...shown, version: 3, state: 'refunding' }]);
  await stock.show(saleId, [{ ...shown, version: 2, state: 'paid' }]);
  expect(await picture(orderId)).toBe('3:r:5:100:CNY');
});

test('within a version the later word about a payment stays, in any order of writing', async () => {
  const orderId = await bought();
  const shown = { orderId, version: 9, state: 'awaiting_payment', payByMs: 5, amount: 100, currency: 'CNY' } as const;
  const paying = (state: 'open' | 'declined', step: number) => ({
    ...shown,
    step,
    payment: { paymentId: 'pay_01hzzzzzzzzzzzzzzzzzzzzzzz', state },
  });
  await stock.show(saleId, [shown, paying('declined', 10), paying('open', 9), shown]);
  expect(await picture(orderId)).toBe('9:a:5:100:CNY:10:d:pay_01hzzzzzzzzzzzzzzzzzzzzzzz');
  await stock.show(saleId, [{ ...shown, version: 10, state: 'paid' }, paying('open', 11)]);
  expect(await picture(orderId)).toBe('10:p:5:100:CNY');
});

test('two processes share the entries, and each is told by one of them', async () => {
  const seen: string[] = [];
  for (let i = 0; i < 40; i += 1) {
    await pool.query("INSERT INTO outbox (consumer, seq, order_id) VALUES ('stock', $1, $2)", [1_000_000 + i, `o${i}`]);
  }
  const tell = async (entries: readonly { orderId: string }[]) => {
    seen.push(...entries.map((entry) => entry.orderId));
  };
  const both = [1, 2].map(() => startOutbox({ consumer: 'stock', pool, logger, tell, batchSize: 5, everyMs: 5 }));
  await expect.poll(waiting).toBe(0);
  await Promise.all(both.map((outbox) => outbox.close()));
  expect(seen.sort()).toEqual(Array.from({ length: 40 }, (_, i) => `o${i}`).sort());
});
