import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { OrderView } from '#contract/order.ts';
import { orderViewSchema } from '#contract/order.ts';
import { saleKeys } from '#contract/redis-keys.ts';
import { startOrdersServer } from '#lab/kits/order-routes.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';

vi.setConfig({ testTimeout: 180_000 });

const orders = await startOrdersServer();
const redis = connectRedis('patient', orders.environment.SECKILL_STOCK_REDIS_URL ?? '', orders.logger);
let server: Awaited<ReturnType<typeof orders.serve>>;
let saleId = '';

afterAll(async () => {
  disconnectRedis(redis);
  await orders.close();
});
beforeEach(async () => {
  saleId = await orders.openSale(1000);
  server = await orders.serve();
});
afterEach(() => server.close());

async function poll(orderId: string, userId = 'u'): Promise<OrderView> {
  const response = await server.app.request(`/api/orders/${orderId}`, { headers: await orders.bearer(userId) });
  expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'private, no-store']);
  return orderViewSchema.parse(await response.json());
}

test('a thousand polls at once are a handful of reads, and none of them asks PostgreSQL', async () => {
  const ids = await Promise.all(Array.from({ length: 100 }, () => orders.buy(saleId)));
  for (const orderId of ids.slice(50)) await orders.show(saleId, orderId, 'awaiting_payment', 1);
  const views = await Promise.all(Array.from({ length: 1000 }, (_, index) => poll(ids[index % 100] ?? '')));
  expect(views.filter(({ state }) => state === 'queued')).toHaveLength(500);
  expect(server.questions.postgres).toBe(0);
  expect(server.questions.redis).toBeLessThan(50);
});

test('a stored order whose picture is missing is read from PostgreSQL, many in one question', async () => {
  const stored = await Promise.all(
    Array.from({ length: 200 }, async () => {
      const order = orders.makeOrder(saleId);
      await orders.stock.reserve(saleId, { orderId: order.orderId, userId: order.userId, quantity: 1 });
      return order;
    }),
  );
  await orders.store.store(stored);
  await orders.stock.commit(
    saleId,
    stored.map(({ orderId }) => orderId),
  );
  await redis.del(saleKeys(saleId).orders);
  const views = await Promise.all(stored.map(({ orderId }) => poll(orderId)));
  expect(
    views.every(({ state, version, payBy }) => state === 'awaiting_payment' && version === 1 && payBy !== null),
  ).toBe(true);
  expect(server.questions.postgres).toBeLessThan(20);
});

test('an order whose unit went back before it was ever stored has failed: its shopper waits for nothing', async () => {
  const orderId = await orders.buy(saleId);
  await orders.stock.release(saleId, orderId);
  expect(await poll(orderId)).toMatchObject({ state: 'failed', ahead: 0, etaSeconds: null });
});

test('a record that cannot be read is one order’s trouble', async () => {
  const [broken, fine] = [await orders.buy(saleId), await orders.buy(saleId)];
  await redis.hset(saleKeys(saleId).reservations, broken, 'rubbish');
  const answers = await Promise.all(
    [broken, fine].map(async (id) =>
      fetch(`${server.origin}/api/orders/${id}`, { headers: await orders.bearer('u') }).then(({ status }) => status),
    ),
  );
  expect(answers).toEqual([503, 200]);
});

test('the estimate follows what the drain does, not what it may do', async () => {
  const ids = await Promise.all(Array.from({ length: 350 }, () => orders.buy(saleId)));
  const last = ids.at(-1) ?? '';
  expect((await poll(last)).etaSeconds).toBeNull(); // nobody has said anything yet
  let stored = 0;
  const startedAt = performance.now();
  await expect
    .poll(
      async () => {
        // Ten a second.
        for (; stored < (performance.now() - startedAt) / 100; stored += 1) {
          await orders.show(saleId, ids[stored] ?? '', 'awaiting_payment', 1);
        }
        const { ahead, etaSeconds } = await poll(last);
        return etaSeconds === null ? null : etaSeconds / ((ahead + 1) / 10);
      },
      { interval: 50, timeout: 30_000 },
    )
    .toBeCloseTo(1, 0);
});
