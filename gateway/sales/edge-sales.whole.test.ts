import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import type { EdgeSale } from '#contract/edge-stream.ts';
import { problemBody } from '#contract/problems.ts';
import { publicSaleKey, publicSalesKey, saleKeys } from '#contract/redis-keys.ts';
import { shadowSalePrefix } from '#contract/shadow-sale.ts';
import type { Connections } from '#infra/cli/kit/connections.ts';
import { closeShadowSale, openShadowSale } from '#infra/cli/loadtest/shadow-sale.ts';
import { newSaleId, openSale, seckillJson, writeSaleFile } from '#lab/kits/command-line.ts';
import { openPatientConnections } from '#lab/kits/patient-connections.ts';
import { poll } from '#lab/poll.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectPostgres, type Pool } from '#runtime/postgres/connect.ts';
import { createEdgeSaleApp } from './edge-sales.ts';
import { createSaleFinder } from './find-sales.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 300_000 }); // sales are opened by the real command

const stack = inject('stack');
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const saleId = newSaleId('tier');
const draftId = newSaleId('tier-draft');
const shadowId = newSaleId(`${shadowSalePrefix}tier`);
const stockUrl = stack.env.SECKILL_STOCK_REDIS_URL ?? '';
let connections: Connections;
let pool: Pool;
let stock: Redis;
let cache: Redis;

beforeAll(async () => {
  pool = connectPostgres(stack.env.SECKILL_DATABASE_URL ?? '', logger);
  stock = new Redis(stockUrl, { replyMapping: 'legacy' });
  cache = new Redis(stack.env.SECKILL_QUEUE_REDIS_URL ?? '', { replyMapping: 'legacy' });
  await openSale(stack.env, { saleId, units: 3 });
  await seckillJson(stack.env, 'sale', 'create', await writeSaleFile({ saleId: draftId, units: 1 }));
  connections = await openPatientConnections(stack.env);
  await openShadowSale(connections, { saleId: shadowId, units: 1 }, Date.now());
});
afterAll(async () => {
  stock.disconnect();
  cache.disconnect();
  await closeShadowSale(connections, shadowId);
  await connections.close();
  await pool.end();
});

const ask = async (path: string, redis = stock) => {
  const find = createSaleFinder({ pool, redis, logger });
  return createEdgeSaleApp({ find, cache, logger }).request(path);
};
const sale = async (redis = stock) => (await (await ask(`/edge/sales/${saleId}`, redis)).json()) as EdgeSale;

test('tells the edge of a sale as the agent would, and leaves it in the cache for two seconds', async () => {
  const told = await sale();
  expect(told).toMatchObject({ id: saleId, state: 'open' });
  expect(JSON.parse(`${told.json}}`)).toMatchObject({ saleId, title: 'A phone', limitPerUser: 1, epoch: told.epoch });
  // Told anew each time: it stays for two seconds only.
  await poll('the cache to be filled', async () => {
    expect(await sale()).toEqual(told);
    return (await cache.get(publicSaleKey(saleId))) === JSON.stringify(told);
  });
  expect(await cache.pttl(publicSaleKey(saleId))).toBeLessThanOrEqual(2000);
});

test('the state is that of stock Redis; when it is silent or has an older one, that of PostgreSQL (I7)', async () => {
  const { epoch } = await sale();
  const key = saleKeys(saleId).sale;
  await stock.hset(key, { state: 'sold_out', epoch: epoch + 5 });
  expect(await sale()).toMatchObject({ state: 'sold_out', epoch: epoch + 5 });

  const away = new Redis(stockUrl, { lazyConnect: true, enableOfflineQueue: false, replyMapping: 'legacy' });
  expect(await sale(away)).toMatchObject({ state: 'open', epoch });
  away.disconnect();

  await stock.hset(key, { state: 'sold_out', epoch: epoch - 1 });
  expect(await sale()).toMatchObject({ state: 'open', epoch });
});

test('the list holds no drafts and no sale of a load test, which is told of by its name all the same', async () => {
  const list = async () => (await (await ask('/edge/sales')).json()) as EdgeSale[];
  const listed = await list();
  const ids = listed.map(({ id }) => id);
  expect(ids).toContain(saleId);
  expect(ids).not.toContain(draftId);
  expect(ids).not.toContain(shadowId);
  expect((await ask(`/edge/sales/${shadowId}`)).status).toBe(200);
  // Told anew each time: it stays for two seconds only, and other tests' sales may change.
  await poll('the cache to be filled', async () => {
    const told = JSON.stringify(await list());
    return (await cache.get(publicSalesKey)) === told;
  });
});

test.each(['nobody-knows', 'UPPER', '%00', "a'--"])('%s is no sale, and nothing is cached', async (name) => {
  const answer = await ask(`/edge/sales/${name}`);
  expect([answer.status, await answer.json()]).toEqual([404, problemBody('SALE_UNKNOWN')]);
  expect(await cache.exists(publicSaleKey(name))).toBe(0);
});
