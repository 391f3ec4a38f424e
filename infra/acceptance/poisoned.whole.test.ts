import { expect } from 'vitest';
import { highestEpoch } from '#contract/epoch.ts';
import { saleKeys } from '#contract/redis-keys.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { stackStatus } from '#infra/stack/stack.ts';
import { test } from '#lab/fixtures/test.ts';
import { newSaleId, seckill, seckillJson } from '#lab/kits/command-line.ts';
import type { EdgesKit } from '#lab/kits/edges.ts';
import { poll } from '#lab/poll.ts';
import { readSaleNode } from '#sales/publish-state.ts';

// One number of a sale, as high as it can be: it must not shut the way, for this sale or for another one.
let kit: EdgesKit;
test.beforeAll(({ edges }) => {
  kit = edges;
});
const run = (...args: string[]) => seckill(kit.stack.environment, ...args);
const poison = 2 ** 53 - 1;

async function unreadableNodes(): Promise<number> {
  const { processes } = await stackStatus(kit.stack.dir);
  const service = processes.find(({ role }) => role === 'seckill-service');
  const text = await (await fetch(`${service?.innerUrl}/metrics`)).text();
  return Number(/^seckill_unreadable_nodes_total (\d+)$/m.exec(text)?.[1]);
}

/** What works on other sales still does. */
async function othersWork(saleId: string): Promise<void> {
  const other = await kit.openSale(1); // created, loaded, opened, obeyed by every edge
  expect(await kit.sell(0, other, kit.buyer(other))).toBe('202');
  const listed = await seckillJson<{ saleId: string }[]>(kit.stack.environment, 'sale', 'list');
  expect(listed.map((sale) => sale.saleId)).toEqual(expect.arrayContaining([saleId, other]));
  const { files } = await seckillJson<{ files: string[] }>(kit.stack.environment, 'pages', 'publish');
  expect(files.join()).toContain(other);
  expect(await run('sale', 'pause', other)).toMatchObject({ code: 0 });
}

test.each([
  { what: 'an epoch above the highest', of: { epoch: poison, state: 'closed' } },
  { what: 'another sale under its name', of: { saleId: newSaleId('forged') } },
  { what: 'no sale', of: { title: 7 } },
])('$what in ZooKeeper is obeyed by no edge, and written over by the reconciler', async ({ of }) => {
  const { zookeeper } = kit.connections;
  const saleId = await kit.openSale(3);
  const counted = await unreadableNodes();
  const path = zookeeperPaths.sale(saleId);
  const before = await readSaleNode(zookeeper, saleId);
  const found = await zookeeper.read(path);
  expect(await zookeeper.write(path, Buffer.from(JSON.stringify({ ...before, ...of })), found?.version ?? -1)).toBe(
    true,
  );
  await poll('it to be counted', async () => (await unreadableNodes()) > counted);
  await othersWork(saleId);
  for (const edge of [0, 1, 2]) expect(await kit.sell(edge, saleId, kit.buyer(saleId))).toBe('202');
  await kit.everyEdgeSays(saleId, 'sold_out');
  await poll('the node to be the truth', async () => (await readSaleNode(zookeeper, saleId))?.state === 'sold_out');
});

test('the highest epoch that ZooKeeper may hold stops no process: the sale is paused as one in doubt, and mended', async () => {
  const { zookeeper, stock } = kit.connections;
  const saleId = await kit.openSale(2);
  const path = zookeeperPaths.sale(saleId);
  const before = await readSaleNode(zookeeper, saleId);
  const found = await zookeeper.read(path);
  const highest = Buffer.from(JSON.stringify({ ...before, epoch: highestEpoch, state: 'closed' }));
  expect(await zookeeper.write(path, highest, found?.version ?? -1)).toBe(true);
  await poll('the guard', async () => (await stock.sale(saleId))?.fault?.includes('was published'));
  await kit.everyEdgeSays(saleId, 'paused');
  expect(await run('stock', 'rebuild', saleId, '--yes')).toMatchObject({ code: 0 });
  expect(await run('sale', 'resume', saleId)).toMatchObject({ code: 0 });
  await kit.everyEdgeSays(saleId, 'open');
  expect(await kit.sell(1, saleId, kit.buyer(saleId))).toBe('202');
  expect(await kit.sell(2, saleId, kit.buyer(saleId))).toBe('202');
  await kit.everyEdgeSays(saleId, 'sold_out');
});

test('an epoch of no use in stock Redis: that sale is paused and mended by a rebuild, the others go on (I7)', async () => {
  const { stock, stockRedis } = kit.connections;
  const saleId = await kit.openSale(2);
  const { epoch = 0 } = (await stock.sale(saleId)) ?? {};
  await stockRedis.hset(saleKeys(saleId).sale, 'epoch', String(poison));
  await othersWork(saleId);
  await poll('the guard', async () => (await stock.sale(saleId))?.state === 'paused');
  await kit.everyEdgeSays(saleId, 'paused');
  const refused = await run('sale', 'resume', saleId);
  expect(refused.stderr).toContain(`seckill stock rebuild ${saleId}`);
  expect(await run('stock', 'rebuild', saleId, '--yes')).toMatchObject({ code: 0 });
  expect(await run('sale', 'resume', saleId)).toMatchObject({ code: 0 });
  await kit.everyEdgeSays(saleId, 'open');
  expect((await stock.sale(saleId))?.epoch).toBeGreaterThan(epoch);
  expect(await kit.sell(0, saleId, kit.buyer(saleId))).toBe('202');
});

test('books of one sale that make no sense keep no other sale from a list or a page, and what is said mends them', async () => {
  const { stockRedis } = kit.connections;
  const saleId = await kit.openSale(1);
  const { sale: key } = saleKeys(saleId);
  await stockRedis.hset(key, 'opensAt', 'soon');
  try {
    await othersWork(saleId);
    for (const args of [
      ['sale', 'list'],
      ['pages', 'publish'],
    ]) {
      const { code, stderr } = await run(...args);
      const mend = `mend: HSET ${key} opensAt <number>`;
      expect([code, stderr]).toEqual([0, expect.stringContaining(mend)]);
      expect(stderr).toContain(`then seckill stock rebuild ${saleId}`);
    }
    const shown = await run('sale', 'show', saleId);
    expect(shown).toMatchObject({ code: 1, stderr: expect.stringContaining('"seckill sale list" says what mends it') });
    await poll('the guard', async () => (await stockRedis.hget(key, 'state')) === 'paused');
  } finally {
    await stockRedis.hset(key, 'opensAt', String(Date.now()));
  }
  expect(await run('stock', 'rebuild', saleId, '--yes')).toMatchObject({ code: 0 });
  expect(await run('sale', 'resume', saleId)).toMatchObject({ code: 0 });
  expect(await kit.sell(0, saleId, kit.buyer(saleId))).toBe('202');
});
