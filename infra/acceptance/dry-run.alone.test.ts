import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { newSaleId, seckill, seckillJson, writeSaleFile } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { type Connections, openConnections } from '../cli/kit/connections.ts';

// A busy machine takes long for what is done in a moment elsewhere.
vi.setConfig({ testTimeout: 480_000 });

const stack = inject('stack');
const saleId = newSaleId('dry');
const subscriber = `dry-${crypto.randomUUID().slice(0, 8)}`;
let connections: Connections;
let file: string;
beforeAll(async () => {
  connections = await openConnections(stack.env);
  file = await writeSaleFile({ saleId, units: 5 });
});
afterAll(() => connections.close());

/** Everything that the commands below could have changed. Other tests' sales go on: of them only that they are there. */
async function world() {
  const { pool, zookeeper, stock } = connections;
  const rows = async (sql: string) => JSON.stringify((await pool.query(sql)).rows);
  const node = (path: string) =>
    poll(`what ${path} holds`, async () => {
      const found = await zookeeper.read(path).catch(() => 'no answer' as const);
      return found !== 'no answer' && { data: found?.data.toString() };
    });
  const pages = await readdir(stack.env.SECKILL_PAGES_DIR ?? '', { recursive: true }).catch(() => []);
  return {
    sale: await rows(`SELECT * FROM sales WHERE id = '${saleId}'`),
    sales: await rows('SELECT id FROM sales ORDER BY id'),
    subscribers: await rows('SELECT * FROM subscribers ORDER BY name'),
    replays: await rows('SELECT id, state FROM replays ORDER BY id'),
    stock: await stock.sale(saleId),
    zookeeper: await Promise.all(
      [zookeeperPaths.drain, zookeeperPaths.edgeSettings, zookeeperPaths.sale(saleId)].map(node),
    ),
    keys: await readFile(stack.env.SECKILL_TICKET_KEYS_FILE ?? '', 'utf8'),
    pages: pages.sort(),
  };
}

/** Runs it with --dry-run: it must say what it would do, and do nothing. */
const dry = async (...args: string[]): Promise<string> => (await dryIn(stack.env, ...args)).would;
async function dryIn<Facts>(
  environment: Record<string, string>,
  ...args: string[]
): Promise<{ would: string } & Facts> {
  const before = await world();
  const said = await seckillJson<{ dryRun: boolean; would: string } & Facts>(environment, ...args, '--dry-run');
  expect(said.dryRun).toBe(true);
  expect(await world()).toEqual(before);
  return said;
}

test('--dry-run says what would change, for a sale from its file to its end, and changes nothing', async () => {
  expect(await dry('sale', 'create', file)).toContain(`create ${saleId}, 5 units at 19.99 CNY`);
  await seckillJson(stack.env, 'sale', 'create', file);
  expect(await dry('stock', 'preload', saleId)).toBe(`load 5 units of ${saleId}; nothing is loaded now`);
  await seckillJson(stack.env, 'stock', 'preload', saleId);
  const site = await dryIn<{ written: string[]; removed: string[] }>(stack.env, 'pages', 'publish', saleId);
  expect(site.would).toMatch(new RegExp(`^write ${site.written.length} files and remove ${site.removed.length} in /`));
  expect(site.written).toContain(`sales/${saleId}.html`);
  // Other tests' sales go on: one that opened or closed since the last publication has no entry of a calendar (.ics) any more.
  expect(site.removed.filter((name) => name.includes(saleId))).toEqual([]);
  // With a shop's folder, every page would be another one.
  const branded = { ...stack.env, SECKILL_BRAND_DIR: temporaryDirectory('brand') };
  await writeFile(join(branded.SECKILL_BRAND_DIR, 'brand.json'), '{ "name": "Celadon House" }');
  const { written } = await dryIn<{ written: string[] }>(branded, 'pages', 'publish', saleId);
  expect(written).toEqual(expect.arrayContaining(['index.html', 'order.html', `sales/${saleId}.html`]));
  await writeFile(join(branded.SECKILL_BRAND_DIR, 'brand.json'), '{ "nane": "Celadon House" }');
  const misspelt = await seckill(branded, 'pages', 'publish', saleId, '--dry-run');
  expect([misspelt.code, misspelt.stderr]).toEqual([78, expect.stringContaining('unknown field nane')]);
  expect(await dry('sale', 'open', saleId, '--force')).toContain('5 of 5 units (state draft -> open, epoch 1 -> 2)');
  await seckillJson(stack.env, 'sale', 'open', saleId, '--force');
  expect(await dry('sale', 'open', saleId)).toBe(`leave ${saleId} as it is: open, epoch 2`);
  expect(await dry('sale', 'pause', saleId)).toContain('(state open -> paused, epoch 2 -> 3)');
  await seckillJson(stack.env, 'sale', 'pause', saleId);
  expect(await dry('stock', 'rebuild', saleId)).toContain('change the stock');
  expect(await dry('orders', 'rebuild', saleId)).toBe(`put 0 orders of ${saleId} back on the queue`);
  expect(await dry('sale', 'resume', saleId)).toContain('(state paused -> open, epoch 3 -> 4)');
  expect(await dry('sale', 'close', saleId)).toContain('for good, 5 of 5 units unsold');
  // It refuses what the command would refuse.
  await seckillJson(stack.env, 'sale', 'close', saleId, '--yes');
  const refused = await seckill(stack.env, 'sale', 'pause', saleId, '--dry-run');
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('it cannot be paused')]);
});

test('--dry-run of the drain, the edges, the keys and the dead letters changes nothing', async () => {
  expect(await dry('drain', 'rate', '321')).toContain('set the drain limit: 321 orders/s (now: ');
  expect(await dry('drain', 'pause')).toContain('PAUSED');
  expect(await dry('drain', 'resume')).toContain('drain limit');
  expect(await dry('edge', 'set', 'userPerSecond', '7')).toContain('userPerSecond 7');
  expect(await dry('edge', 'reset')).toContain('set on every edge');
  expect(await dry('edge', 'maintenance', 'on')).toContain('MAINTENANCE');
  expect(await dry('keys', 'rotate', '--now')).toMatch(/^let k\d+ sign in .+, keep k\d+ for checking/);
  expect(await dry('dlq', 'retry', '--all')).toMatch(/^put \d+ dead letters? back/);
});

test('--dry-run of subscribers changes nothing', async () => {
  const url = 'http://127.0.0.1:9/';
  // Of other tests' orders, which may expire meanwhile, it would hear in vain: its row would tell of that.
  const add = ['subscriber', 'add', subscriber, url, '--allow-inner', '--events', 'order.refunded'];
  expect(await dry(...add)).toContain(`add ${subscriber}`);
  await seckillJson(stack.env, ...add);
  expect(await dry('subscriber', 'set', subscriber, '--rate', '5')).toBe(`change 1 setting of ${subscriber}`);
  expect(await dry('subscriber', 'pause', subscriber)).toContain('send nothing');
  await seckillJson(stack.env, 'subscriber', 'pause', subscriber);
  expect(await dry('subscriber', 'resume', subscriber)).toContain('again');
  expect(await dry('subscriber', 'rotate-secret', subscriber)).toContain('replace the secret');
  expect(await dry('subscriber', 'replay', subscriber, '--stop')).toContain('stop 0 replays');
  expect(await dry('subscriber', 'remove', subscriber)).toContain(`remove ${subscriber} (${url})`);
  await seckillJson(stack.env, 'subscriber', 'remove', subscriber, '--yes');
});

test('a hundred times the usual price or stock needs a second yes, and the first does not answer it', async () => {
  const fat = newSaleId('fat');
  const price = { amount: 20_000_000, currency: 'CNY' };
  const path = await writeSaleFile({ saleId: fat, units: 200_000, price });
  const create = (...flags: string[]) => seckill(stack.env, 'sale', 'create', path, ...flags);
  const asked = await create();
  expect([asked.code, asked.stderr]).toEqual([2, expect.stringContaining('add --yes --unusual')]);
  expect(asked.stderr).toMatch(/the price of 200000\.00 CNY is \d+ times the usual .+\n.+200000 units are \d+ times/);
  expect((await create('--yes')).stderr).toContain('add --unusual');
  expect((await create('--unusual')).stderr).toContain('add --yes');
  expect((await seckill(stack.env, 'sale', 'show', fat)).code).toBe(2);
  expect((await create('--yes', '--unusual')).code).toBe(0);
  expect((await seckill(stack.env, 'stock', 'preload', fat, '--yes')).code).toBe(2);
  expect((await seckill(stack.env, 'stock', 'preload', fat, '--yes', '--unusual')).code).toBe(0);
});
