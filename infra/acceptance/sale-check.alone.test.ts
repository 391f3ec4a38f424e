import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Pool } from 'undici';
import { afterAll, expect, onTestFinished, test, vi } from 'vitest';
import { isCheckSale } from '#contract/shadow-sale.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { seckill, seckillJson } from '#lab/kits/command-line.ts';
import { whileFrozen } from '#lab/kits/processes.ts';
import { check, draft, failsOnly, type Look, opened, ready } from '#lab/kits/sale-check.ts';
import { poll } from '#lab/poll.ts';
import { stackUnderTest } from '#lab/servers/stack-under-test.ts';
import { zookeeperOf } from '#lab/servers/zookeeper.ts';
import { call } from '#loadtest/crowd/shopper.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectZooKeeper } from '#runtime/zookeeper/client.ts';

// These tests break what all edges and services stand on; each puts it back, in more time than any of its polls has.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });
const { env, edges } = stackUnderTest();
const stockRedis = new Redis(env.SECKILL_STOCK_REDIS_URL ?? '');
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const zookeeper = connectZooKeeper({ ...zookeeperOf(env), logger });
afterAll(() => {
  stockRedis.disconnect();
  zookeeper.close();
});

const state = async (saleId: string) => (await seckillJson<{ state: string }>(env, 'sale', 'show', saleId)).state;

test('a sale that is ready passes every check, leaves no trace of the dry purchase, and opens', async () => {
  const saleId = await draft();
  const before = (await stockRedis.keys('*')).sort();
  const books = await seckillJson<object>(env, 'sale', 'show', saleId);
  const taken = ['services', 'dry purchase', 'whole path'];
  const passes = ({ checks }: Look, name: string) =>
    checks.filter((each) => each.check === name).every(({ verdict }) => verdict === 'pass');
  const { failed, checks } = await check(
    saleId,
    'every check to pass',
    (report) => report.ok && taken.every((name) => passes(report, name)),
  );
  expect(failed).toEqual([]);
  expect(new Set(checks.map((each) => each.check))).toEqual(
    new Set([
      'price',
      'stock',
      'window',
      'pages',
      'edges',
      'edge answers',
      'services',
      'ticket keys',
      'stock Redis',
      'stock replicas',
      'queue Redis',
      'queue replicas',
      'ZooKeeper',
      'PostgreSQL',
      'clocks',
      'drain',
      'this machine',
      'dry purchase',
      'whole path',
    ]),
  );
  expect(checks.find(({ check: name }) => name === 'stock replicas')?.says).toBe('one server: a yes is on one disk');
  for (const name of taken) {
    expect(checks.filter((each) => each.check === name).map(({ verdict }) => verdict)).toEqual(['pass']);
  }
  // A check that was cut off leaves it until its session has ended.
  await poll('no sale of a check to be left', async () => {
    const sales = await zookeeper.children(zookeeperPaths.sales).catch(() => null);
    return sales !== null && !sales.some(isCheckSale);
  });
  expect((await stockRedis.keys('*')).sort()).toEqual(before);
  expect(await seckillJson<object>(env, 'sale', 'show', saleId)).toEqual(books);
  await opened(saleId);
  expect(await state(saleId)).toBe('open');
});

test('where the public name leads nowhere, edges are asked at an inner place; what mends is true where it is read', async () => {
  const saleId = await draft();
  const nowhere = { SECKILL_EDGE_URL: 'http://shop.invalid', SECKILL_EDGE_URLS: 'http://shop.invalid' };
  const lost = await check(
    saleId,
    'the edge to be missed',
    ({ failed }) => failed.some(({ check: name }) => name === 'pages'),
    {
      ...nowhere,
      SECKILL_STATUS_COMMAND: 'kubectl get pods',
    },
  );
  expect(lost.failed.find(({ check: name }) => name === 'pages')).toMatchObject({
    says: expect.stringContaining('http://shop.invalid does not answer'),
    mend: 'kubectl get pods',
  });
  const connect = edges.map(({ url }) => new URL(url).host).join();
  const { checks } = await ready(saleId, { ...nowhere, SECKILL_EDGE_CONNECT: connect });
  expect(checks.find(({ check: name }) => name === 'whole path')?.says).toContain(
    `http://shop.invalid at ${connect.split(',')[0]}`,
  );
});

test('a draft without stock, and one without a page, are refused with the command that mends it; --force opens', async () => {
  const empty = await draft({ preload: false, publish: false });
  const isStock = (each: { check: string }) => each.check === 'stock';
  const unloaded = await check(empty, 'the stock to be missed', ({ failed }) => failed.some(isStock));
  expect(unloaded.failed.find(isStock)).toMatchObject({ mend: `seckill stock preload ${empty}` });

  const saleId = await draft({ publish: false });
  const eachEdge = failsOnly(edges.map(() => 'pages'));
  const { failed } = await check(saleId, 'the pages of every edge to fail, and nothing else', eachEdge);
  expect(failed[0]?.mend).toBe(`seckill pages publish ${saleId}`);
  const refused = await seckill(env, 'sale', 'open', saleId);
  expect([refused.code, refused.stdout]).toEqual([1, '']);
  expect(refused.stderr).toContain(`mend: seckill pages publish ${saleId}`);
  expect(await state(saleId)).toBe('draft');
  const forced = await seckill(env, 'sale', 'open', saleId, '--force');
  expect([forced.code, forced.stderr]).toEqual([0, expect.stringContaining('the page is not published')]);
  expect(await state(saleId)).toBe('open');
});

test('a page that an older version published is refused, although all that it names is there; publishing mends it', async () => {
  const saleId = await draft();
  const page = join(env.SECKILL_PAGES_DIR ?? '', 'sales', `${saleId}.html`);
  const text = await readFile(page, 'utf8');
  const [script = ''] = /assets\/app\.[\w-]+\.js/.exec(text) ?? [];
  const old = 'assets/app.of-before.js';
  await copyFile(join(env.SECKILL_PAGES_DIR ?? '', script), join(env.SECKILL_PAGES_DIR ?? '', old));
  onTestFinished(() => rm(join(env.SECKILL_PAGES_DIR ?? '', old)));
  await writeFile(page, text.replace(script, old));
  const eachEdge = failsOnly(edges.map(() => 'pages'));
  const { failed } = await check(saleId, 'the pages of every edge to fail, and nothing else', eachEdge);
  expect(failed[0]).toMatchObject({
    says: expect.stringContaining(`of another version: it does not name /${script}`),
    mend: `seckill pages publish ${saleId}`,
  });
  await seckillJson(env, 'pages', 'publish', saleId);
  await ready(saleId);
});

test('a stock Redis that may forget is refused; what mends it is named, and works', async () => {
  onTestFinished(async () => {
    await stockRedis.config('SET', 'maxmemory-policy', 'noeviction');
    await stockRedis.config('SET', 'appendfsync', 'always');
  });
  const saleId = await draft();
  await stockRedis.config('SET', 'maxmemory-policy', 'allkeys-lru');
  await stockRedis.config('SET', 'appendfsync', 'everysec');
  const both = failsOnly(['stock Redis', 'stock Redis']);
  const { failed } = await check(saleId, 'both settings to fail, and nothing else', both);
  expect(failed.map((each) => [each.check, each.mend?.match(/CONFIG SET \S+ \S+/)?.[0]])).toEqual([
    ['stock Redis', 'CONFIG SET maxmemory-policy noeviction'],
    ['stock Redis', 'CONFIG SET appendfsync always'],
  ]);
  expect((await seckill(env, 'sale', 'open', saleId)).code).toBe(1);
  await stockRedis.config('SET', 'maxmemory-policy', 'noeviction');
  await stockRedis.config('SET', 'appendfsync', 'always');
  await ready(saleId);
});

test('a price below the floor is refused, and a wrong floor is a wrong setting', async () => {
  const saleId = await draft();
  const high = { SECKILL_PRICE_FLOOR: 'CNY=2000,USD=1' };
  await check(saleId, 'the price to fail, and nothing else', failsOnly(['price']), high);
  await ready(saleId, { SECKILL_PRICE_FLOOR: 'CNY=1999' });
  expect((await seckill({ ...env, SECKILL_PRICE_FLOOR: '2000' }, 'sale', 'check', saleId)).code).toBe(78);
});

test('an edge that does not follow is named, and the sale opens when it is back (I7)', async () => {
  const behind = edges[1]?.url ?? '';
  await whileFrozen('gateway-2', async () => {
    const saleId = await draft();
    await check(saleId, 'the edge to be named', ({ failed }) => failed.some(({ says }) => says.includes(behind)));
    expect((await seckill(env, 'sale', 'open', saleId)).code).toBe(1);
  });
  const saleId = await draft();
  await ready(saleId);
  await opened(saleId);
  const pool = new Pool(behind);
  await poll('the edge to sell', async () => (await call(pool, 'GET', `/api/sales/${saleId}`)).body.state === 'open');
  await pool.close();
});
