import { Redis } from 'ioredis';
import { Pool } from 'undici';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { isCheckSale } from '#contract/shadow-sale.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { call } from '#loadtest/crowd/shopper.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectZooKeeper, type ZooKeeper } from '#runtime/zookeeper.ts';
import type { SaleCheck } from '../sale-check/sale-check.ts';
import { runDirectory } from '../stack/run-directory.ts';
import { type SeveralEdges, startSeveralEdges } from '../stack/testing/several-edges.ts';
import { inPlaceOfService } from './odd-service.ts';
import { newSaleId, seckill, seckillJson, until, writeSaleFile } from './seckill.ts';

// Each command is a process of its own; a slow machine takes seconds for each.
vi.setConfig({ testTimeout: 300_000 });

// A stack of its own, with two edges: these tests break it.
let edges: SeveralEdges;
let env: Record<string, string>;
let stockRedis: Redis;
let zookeeper: ZooKeeper;
beforeAll(async () => {
  edges = await startSeveralEdges({ edges: 2 });
  env = edges.stack.environment;
  stockRedis = new Redis(env.SECKILL_STOCK_REDIS_URL ?? '');
  const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
  zookeeper = connectZooKeeper({ connection: env.SECKILL_ZOOKEEPER ?? '', logger });
});
afterAll(async () => {
  stockRedis?.disconnect();
  zookeeper?.close();
  await edges?.close();
});

type Steps = { preload?: boolean; publish?: boolean };

async function draft({ preload = true, publish = true }: Steps = {}, fields: Record<string, unknown> = {}) {
  const saleId = newSaleId('check');
  const file = await writeSaleFile(edges.stack.dir, { saleId, units: 5, limitPerUser: 2, ...fields });
  await seckillJson(env, 'sale', 'create', file);
  if (preload) await seckillJson(env, 'stock', 'preload', saleId);
  if (publish) await seckillJson(env, 'pages', 'publish', saleId);
  return saleId;
}

async function check(saleId: string, more: Record<string, string> = {}) {
  const { code, stdout } = await seckill({ ...env, ...more }, 'sale', 'check', saleId, '--json');
  const report = JSON.parse(stdout) as SaleCheck;
  expect(code).toBe(report.ok ? 0 : 1);
  return { ...report, failed: report.checks.filter(({ verdict }) => verdict === 'fail') };
}

const state = async (saleId: string) => (await seckillJson<{ state: string }>(env, 'sale', 'show', saleId)).state;

test('a sale that is ready passes every check, leaves no trace of the dry purchase, and opens', async () => {
  const saleId = await draft();
  const before = (await stockRedis.keys('*')).sort();
  const books = await seckillJson<object>(env, 'sale', 'show', saleId);
  const { failed, checks } = await check(saleId);
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
      'queue Redis',
      'clocks',
      'drain',
      'this machine',
      'dry purchase',
      'whole path',
    ]),
  );
  for (const name of ['services', 'dry purchase', 'whole path']) {
    expect(checks.filter((each) => each.check === name).map(({ verdict }) => verdict)).toEqual(['pass']);
  }
  expect((await zookeeper.children(zookeeperPaths.sales)).filter(isCheckSale)).toEqual([]);
  expect((await stockRedis.keys('*')).sort()).toEqual(before);
  expect(await seckillJson<object>(env, 'sale', 'show', saleId)).toEqual(books);
  await seckillJson(env, 'sale', 'open', saleId);
  expect(await state(saleId)).toBe('open');
});

test('a draft without stock, and one without a page, are refused with the command that mends it; --force opens', async () => {
  const empty = await draft({ preload: false, publish: false });
  expect((await check(empty)).failed).toContainEqual(
    expect.objectContaining({ check: 'stock', mend: `seckill stock preload ${empty}` }),
  );

  const saleId = await draft({ publish: false });
  const { failed } = await check(saleId);
  expect(new Set(failed.map((each) => each.check))).toEqual(new Set(['pages']));
  expect(failed).toHaveLength(2); // one for each edge
  expect(failed[0]?.mend).toBe(`seckill pages publish ${saleId}`);
  const refused = await seckill(env, 'sale', 'open', saleId);
  expect([refused.code, refused.stdout]).toEqual([1, '']);
  expect(refused.stderr).toContain(`mend: seckill pages publish ${saleId}`);
  expect(await state(saleId)).toBe('draft');
  const forced = await seckill(env, 'sale', 'open', saleId, '--force');
  expect([forced.code, forced.stderr]).toEqual([0, expect.stringContaining('the page is not published')]);
  expect(await state(saleId)).toBe('open');
});

test('a stock Redis that may forget is refused; what mends it is named, and works', async () => {
  const saleId = await draft();
  await stockRedis.config('SET', 'maxmemory-policy', 'allkeys-lru');
  await stockRedis.config('SET', 'appendfsync', 'everysec');
  const { failed } = await check(saleId);
  expect(failed.map((each) => [each.check, each.mend?.match(/CONFIG SET \S+ \S+/)?.[0]])).toEqual([
    ['stock Redis', 'CONFIG SET maxmemory-policy noeviction'],
    ['stock Redis', 'CONFIG SET appendfsync always'],
  ]);
  expect((await seckill(env, 'sale', 'open', saleId)).code).toBe(1);
  await stockRedis.config('SET', 'maxmemory-policy', 'noeviction');
  await stockRedis.config('SET', 'appendfsync', 'always');
  expect((await check(saleId)).failed).toEqual([]);
});

test('a price below the floor is refused, and a wrong floor is a wrong setting', async () => {
  const saleId = await draft();
  expect((await check(saleId, { SECKILL_PRICE_FLOOR: 'CNY=2000,USD=1' })).failed).toMatchObject([{ check: 'price' }]);
  expect((await check(saleId, { SECKILL_PRICE_FLOOR: 'CNY=1999' })).failed).toEqual([]);
  expect((await seckill({ ...env, SECKILL_PRICE_FLOOR: '2000' }, 'sale', 'check', saleId)).code).toBe(78);
});

test('an edge that does not follow is named, and the sale opens when it is back (I7)', async () => {
  const gateway = edges.pidOf('gateway-2');
  if (gateway === null) throw new Error('gateway-2 does not run');
  const behind = edges.stack.edges[1]?.url ?? '';
  process.kill(gateway, 'SIGSTOP');
  try {
    const saleId = await draft();
    const { failed } = await check(saleId);
    expect(failed.map(({ says }) => says).join('\n')).toContain(behind);
    expect((await seckill(env, 'sale', 'open', saleId)).code).toBe(1);
  } finally {
    process.kill(gateway, 'SIGCONT');
  }
  const saleId = await draft();
  await until('the edge to follow', async () => (await check(saleId)).ok);
  await seckillJson(env, 'sale', 'open', saleId);
  const pool = new Pool(behind);
  await until('the edge to sell', async () => (await call(pool, 'GET', `/api/sales/${saleId}`)).body.state === 'open');
  await pool.close();
});

/** `service-1` as the edges find it. */
function service() {
  const pid = edges.pidOf('service-1');
  if (pid === null) throw new Error('service-1 does not run');
  return { pid, socket: runDirectory(edges.stack.dir).socket('service-1') };
}
/** What fails once every edge, each by its address, fails to take a purchase through with these words, and `isSeen`. */
const everyEdgeFails = (saleId: string, words: RegExp, isSeen: (failed: SaleCheck['checks']) => boolean = () => true) =>
  until(
    'every edge to fail',
    async () => {
      const { failed } = await check(saleId);
      const path = failed.filter((each) => each.check === 'whole path').map(({ says }) => says);
      const all = edges.stack.edges.every(({ url }) => path.some((says) => says.includes(url) && words.test(says)));
      return all && isSeen(failed) && failed;
    },
    60_000,
  );
const named = (found: readonly { check: string }[], name: string) => found.filter((each) => each.check === name);
const ready = (saleId: string) => until('it to be ready again', async () => (await check(saleId)).ok, 60_000);

test('a service with another secret under the right name is noticed, although the ids of the keys agree', async () => {
  const saleId = await draft();
  const changes = { SECKILL_TICKET_KEYS_FILE: undefined, SECKILL_TICKET_KEYS: `k1:${'another secret '.repeat(3)}` };
  await inPlaceOfService(service(), changes, async () => {
    const failed = await everyEdgeFails(saleId, /TICKET_INVALID/);
    expect(named(failed, 'whole path')).toMatchObject(
      Array(2).fill({ mend: expect.stringContaining('seckill keys show') }),
    );
    expect(named(failed, 'ticket keys')).toEqual([]);
  });
  await ready(saleId);
});

test('a service whose gate is closed is named, and so are the edges that only it stands behind', async () => {
  const saleId = await draft();
  const nobody = 'redis://127.0.0.1:1'; // nobody listens there
  await inPlaceOfService(service(), { SECKILL_STOCK_REDIS_URL: nobody }, async () => {
    // The edges fail as soon as the good service is gone; the odd one is known once it has begun.
    const failed = await everyEdgeFails(saleId, /UNAVAILABLE/, (all) => named(all, 'services').length > 0);
    expect(named(failed, 'services')).toMatchObject([
      { says: expect.stringContaining('service-odd'), mend: expect.stringContaining('seckill status') },
    ]);
    expect((await seckill(env, 'sale', 'open', saleId)).code).toBe(1);
  });
  await ready(saleId);
});

test('an edge that reaches no service is noticed, although all of them are well', async () => {
  const saleId = await draft();
  await inPlaceOfService(service(), null, async () => {
    expect(named(await everyEdgeFails(saleId, /UNAVAILABLE/), 'services')).toEqual([]);
  });
  await ready(saleId);
});

test('where nobody can be signed in, a ticket of this machine is tried; without any, it says so and blocks nothing', async () => {
  const saleId = await draft();
  // As on a bastion: no stack is found either, which would know them.
  const { SECKILL_SESSION_SECRET: _secret, SECKILL_TICKET_KEYS_FILE: keys = '', SECKILL_RUN_DIR: _dir, ...bare } = env;
  const path = async (more: Record<string, string>) => {
    const { stdout } = await seckill({ ...bare, ...more }, 'sale', 'check', saleId, '--json');
    return (JSON.parse(stdout) as SaleCheck).checks.filter((each) => each.check === 'whole path');
  };
  expect(await path({})).toMatchObject([{ verdict: 'warn', mend: expect.stringContaining('SECKILL_SESSION_SECRET') }]);
  expect(await path({ SECKILL_TICKET_KEYS_FILE: keys })).toMatchObject([{ verdict: 'pass' }]);
  expect(await path({ SECKILL_TICKET_KEYS: `k1:${'x'.repeat(32)}` })).toMatchObject([
    { verdict: 'fail', says: expect.stringContaining("signed with this machine's key") },
    { verdict: 'fail' },
  ]);
});
