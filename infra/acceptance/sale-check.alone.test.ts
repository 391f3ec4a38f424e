import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Pool } from 'undici';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { isCheckSale } from '#contract/shadow-sale.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { newSaleId, preload, seckill, seckillJson, writeSaleFile } from '#lab/kits/command-line.ts';
import { takeAway } from '#lab/kits/odd-service.ts';
import { whileFrozen } from '#lab/kits/processes.ts';
import { poll } from '#lab/poll.ts';
import { stackUnderTest } from '#lab/servers/stack-under-test.ts';
import { zookeeperOf } from '#lab/servers/zookeeper.ts';
import { call } from '#loadtest/crowd/shopper.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectZooKeeper } from '#runtime/zookeeper.ts';
import type { SaleCheck } from '../sale-check/sale-check.ts';

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

type Steps = { preload?: boolean; publish?: boolean };

async function draft(steps: Steps = {}, fields: Record<string, unknown> = {}) {
  const saleId = newSaleId('check');
  const file = await writeSaleFile({ saleId, units: 5, limitPerUser: 2, ...fields });
  await seckillJson(env, 'sale', 'create', file);
  if (steps.preload !== false) await preload(env, saleId);
  if (steps.publish !== false) await seckillJson(env, 'pages', 'publish', saleId);
  return saleId;
}

/** Null when the command could not even begin: a server did not answer in time. */
async function look(saleId: string, more: Record<string, string> = {}) {
  const { code, stdout } = await seckill({ ...env, ...more }, 'sale', 'check', saleId, '--json');
  if (stdout === '') return null;
  const report = JSON.parse(stdout) as SaleCheck;
  expect(code).toBe(report.ok ? 0 : 1);
  return { ...report, failed: report.checks.filter(({ verdict }) => verdict === 'fail') };
}
type Look = NonNullable<Awaited<ReturnType<typeof look>>>;
/** Looks until it finds that: each question has its deadline, which a busy machine misses now and then. */
const check = (saleId: string, what: string, isFound: (report: Look) => boolean, more: Record<string, string> = {}) =>
  poll(
    what,
    async () => {
      const report = await look(saleId, more);
      return report !== null && isFound(report) && report;
    },
    120_000,
  );
const failsOnly = (names: readonly string[]) => (report: Look) =>
  report.failed.map((each) => each.check).join() === names.join();
const ready = (saleId: string, more: Record<string, string> = {}) =>
  check(saleId, 'it to be ready', ({ ok }) => ok, more);
/** Opens it without force, which looks once more. */
const opened = (saleId: string) =>
  poll('it to be opened', async () => (await seckill(env, 'sale', 'open', saleId)).code === 0, 120_000);

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
      'queue Redis',
      'clocks',
      'drain',
      'this machine',
      'dry purchase',
      'whole path',
    ]),
  );
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

/** What fails once every edge, each by its address, fails to take a purchase through with these words, and `isSeen`. */
async function everyEdgeFails(saleId: string, words: RegExp, isSeen: (failed: SaleCheck['checks']) => boolean) {
  const { failed } = await check(saleId, 'every edge to fail', ({ failed }) => {
    const path = named(failed, 'whole path').map(({ says }) => says);
    const all = edges.every(({ url }) => path.some((says) => says.includes(url) && words.test(says)));
    return all && isSeen(failed);
  });
  return failed;
}
const named = (found: SaleCheck['checks'], name: string) => found.filter((each) => each.check === name);

describe('without the service that the edges know', () => {
  let away: Awaited<ReturnType<typeof takeAway>> | undefined;
  let saleId: string;
  beforeAll(async () => {
    saleId = await draft();
    away = await takeAway('service-1');
  });
  // Each breaks it anew: here all is well again, for this sale too.
  afterAll(async () => {
    await away?.putBack();
    await ready(saleId);
  });

  test('an edge that reaches no service is noticed, although all of them are well', async () => {
    await everyEdgeFails(saleId, /UNAVAILABLE/, (all) => named(all, 'services').length === 0);
  });

  test('a service with another secret under the right name is noticed, although the ids of the keys agree', async () => {
    const changes = { SECKILL_TICKET_KEYS_FILE: undefined, SECKILL_TICKET_KEYS: `k1:${'another secret '.repeat(3)}` };
    await away?.whileOdd(changes, async () => {
      const failed = await everyEdgeFails(saleId, /TICKET_INVALID/, (all) => named(all, 'ticket keys').length === 0);
      expect(named(failed, 'whole path')).toMatchObject(
        edges.map(() => ({ mend: expect.stringContaining('seckill keys show') })),
      );
    });
  });

  test('a service whose gate is closed is named, and so are the edges that only it stands behind', async () => {
    const deadUrl = 'redis://127.0.0.1:1'; // no server listens there
    await away?.whileOdd({ SECKILL_STOCK_REDIS_URL: deadUrl }, async () => {
      // The edges fail without the good service; the odd one is known once it has begun.
      const isOdd = ([first, ...others]: SaleCheck['checks']) =>
        others.length === 0 && first?.says.includes('service-odd') === true;
      const failed = await everyEdgeFails(saleId, /UNAVAILABLE/, (all) => isOdd(named(all, 'services')));
      expect(named(failed, 'services')).toMatchObject([{ mend: expect.stringContaining('seckill status') }]);
      expect((await seckill(env, 'sale', 'open', saleId)).code).toBe(1);
    });
  });
});

test('where nobody can be signed in, a ticket of this machine is tried; without any, it says so and blocks nothing', async () => {
  const saleId = await draft();
  // As on a bastion: no stack is found either, which would know them.
  const { SECKILL_SESSION_SECRET: _secret, SECKILL_TICKET_KEYS_FILE: keys = '', SECKILL_RUN_DIR: _dir, ...bare } = env;
  const finds = (found: object[], more: Record<string, string>) =>
    vi.waitFor(
      async () => {
        const { stdout } = await seckill({ ...bare, ...more }, 'sale', 'check', saleId, '--json');
        expect(named((JSON.parse(stdout) as SaleCheck).checks, 'whole path')).toMatchObject(found);
      },
      { timeout: 120_000 },
    );
  await finds([{ verdict: 'warn', mend: expect.stringContaining('SECKILL_SESSION_SECRET') }], {});
  await finds([{ verdict: 'pass' }], { SECKILL_TICKET_KEYS_FILE: keys });
  const signed = { verdict: 'fail', says: expect.stringContaining("signed with this machine's key") };
  await finds(
    edges.map(() => signed),
    { SECKILL_TICKET_KEYS: `k1:${'x'.repeat(32)}` },
  );
  // Signed in with another secret than the gateways': said, and the rest of the way is looked at all the same.
  const strange = { SECKILL_SESSION_SECRET: 'x'.repeat(32) };
  const told = { verdict: 'warn', says: expect.stringContaining('another SECKILL_SESSION_SECRET') };
  await finds(
    edges.map(() => told),
    { ...strange, SECKILL_TICKET_KEYS_FILE: keys },
  );
  await finds(
    edges.map(() => signed),
    { ...strange, SECKILL_TICKET_KEYS: `k1:${'x'.repeat(32)}` },
  );
});
