import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { type AcceptedOrder, newOrderId } from '#contract/order.ts';
import { saleFileSchema } from '#contract/sale.ts';
import { runMigrations } from '#infra/migrations/run.ts';
import { startStack } from '#infra/stack/stack.ts';
import { connectPatiently } from '#lab/kits/orders.ts';
import { createLogger } from '#runtime/logger.ts';
import { createCatalogue } from '#sales/catalogue.ts';
import { createCommitBatch, PoisonOrder } from '../drain/commit-batch.ts';
import { createOrderStore } from './order-store.ts';

const dir = await mkdtemp(join(tmpdir(), 'orders-'));
const stack = await startStack({ dir, only: ['postgres'], port: 'any', environment: process.env });
const url = stack.environment.SECKILL_DATABASE_URL ?? '';
await runMigrations(url);
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const pool = connectPatiently(url, logger);
const store = createOrderStore(pool);
const units = 5;
let saleId = '';
let place = 0;

afterAll(async () => {
  await pool.end();
  await stack.stop();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  saleId = `orders-${crypto.randomUUID().slice(0, 8)}`;
  place = 0;
  await createCatalogue(pool).create(
    saleFileSchema.parse({
      saleId,
      title: 'A phone',
      price: { amount: 100, currency: 'CNY' },
      units,
      opensAt: '2026-01-01T00:00:00Z',
      closesAt: '2027-01-01T00:00:00Z',
    }),
  );
});
const order = (quantity = 1): AcceptedOrder => {
  place += quantity;
  return { orderId: newOrderId(saleId, Date.now()), saleId, userId: 'u', quantity, place, acceptedAt: Date.now() };
};
const rows = async () => (await store.ofSale(saleId)).length;
const events = async () => {
  const result = await pool.query(
    'SELECT count(*) AS count FROM order_events e JOIN orders o ON o.id = e.order_id WHERE sale_id = $1',
    [saleId],
  );
  return result.rows[0]?.count;
};

test('an order is stored once, with one event, however often and by however many it is stored (I5)', async () => {
  const [a, b] = [order(), order(2)];
  expect(await store.store([a, b])).toMatchObject([{ kind: 'stored' }, { kind: 'stored' }]);
  expect(await store.store([b, a])).toMatchObject([{ kind: 'already' }, { kind: 'already' }]);
  await Promise.all(Array.from({ length: 10 }, () => store.store([a, b])));
  expect([await rows(), await events()]).toEqual([2, 2]);
});

test('the database refuses to store more units than the sale has, whatever Redis said (second guard)', async () => {
  let alarms = 0;
  const commitBatch = createCommitBatch({
    store,
    stock: { show: async () => {}, commit: async (_saleId, ids) => ids.map(() => 'committed') },
    logger,
    wait: async () => {},
    onGuard: () => {
      alarms += 1;
    },
  });
  const outcomes = await commitBatch([order(2), order(2), order(2), order(1)]);
  expect(outcomes.map((outcome) => outcome instanceof PoisonOrder)).toEqual([false, false, true, false]);
  expect(alarms).toBe(1);
  expect(await rows()).toBe(3);
});

test('a poison order fails alone, its batch is stored', async () => {
  const commitBatch = createCommitBatch({
    store,
    stock: { show: async () => {}, commit: async (_saleId, ids) => ids.map(() => 'committed') },
    logger,
    wait: async () => {},
  });
  const poison = { ...order(), userId: 'nul \u0000 byte' };
  const outcomes = await commitBatch([order(), poison, order()]);
  expect(outcomes.map((outcome) => outcome instanceof PoisonOrder)).toEqual([false, true, false]);
  expect(await rows()).toBe(2);
});

test('an order of an unknown sale is not stored', async () => {
  const ghost = { ...order(), saleId: 'ghost', orderId: newOrderId('ghost', 1) };
  expect(await store.store([ghost, order()])).toMatchObject([{ kind: 'sale_unknown' }, { kind: 'stored' }]);
});

test('an order is priced by its quantity and payable for the time that the sale gives', async () => {
  const bought = order(2);
  await store.store([bought]);
  const { rows: found } = await pool.query(
    'SELECT amount, currency, state, extract(epoch FROM pay_by - created_at)::int AS seconds FROM orders WHERE id = $1',
    [bought.orderId],
  );
  expect(found).toEqual([{ amount: 200, currency: 'CNY', state: 'awaiting_payment', seconds: 900 }]);
});
