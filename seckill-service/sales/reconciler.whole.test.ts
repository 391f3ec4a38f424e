import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { saleKeys } from '#contract/redis-keys.ts';
import { type SaleNode, saleNodeSchema } from '#contract/sale.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { stackStatus } from '#infra/stack/running-stack.ts';
import { newSaleId, openSale } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { zookeeperOf } from '#lab/servers/zookeeper.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { connectZooKeeper } from '#runtime/zookeeper/client.ts';
import { createStock } from '#stock/create-stock.ts';
import { publishState, readSaleNode } from './publish-state.ts';

// The stack's own services run the reconciler: this test only breaks what it has to mend.
const stack = inject('stack');
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
// What the test itself asks may take as long as it wants.
const patience = { sessionTimeoutMs: 10_000, callTimeoutMs: 20_000 };
const zookeeper = connectZooKeeper({ ...zookeeperOf(stack.env), logger, ...patience });
const redis = connectRedis('patient', stack.env.SECKILL_STOCK_REDIS_URL ?? '', logger);
const stock = createStock(redis);
const saleId = newSaleId('reconcile');
const path = zookeeperPaths.sale(saleId);

vi.setConfig({ testTimeout: 180_000 }); // sales are opened by the real command
beforeAll(() => openSale(stack.env, { saleId, units: 1 }));
afterAll(() => {
  zookeeper.close();
  disconnectRedis(redis);
});

const node = async (): Promise<SaleNode> => {
  const found = await zookeeper.read(path);
  return saleNodeSchema.parse(JSON.parse(found?.data.toString() ?? 'null'));
};

/** What Prometheus is told by the services. */
async function serviceMetrics(): Promise<string> {
  const { processes } = await stackStatus(stack.dir);
  const services = processes.filter(({ role }) => role === 'seckill-service');
  return (await Promise.all(services.map(async ({ innerUrl }) => (await fetch(`${innerUrl}/metrics`)).text()))).join();
}

test('a writer that died before ZooKeeper heard of the newest epoch is made up for (I7)', async () => {
  const current = await node();
  const found = await zookeeper.read(path);
  const older = Buffer.from(JSON.stringify({ ...current, state: 'paused', epoch: current.epoch - 1 }));
  expect(await zookeeper.write(path, older, found?.version ?? -1)).toBe(true);
  await poll('the repair', async () => (await node()).epoch === current.epoch);
  expect(await node()).toEqual(current);
});

test('a sale that ZooKeeper has lost is published again', async () => {
  const current = await node();
  await zookeeper.remove(path);
  await poll('the node', async () => (await readSaleNode(zookeeper, saleId)) !== null);
  expect(await node()).toEqual(current);
});

test('a lower epoch never overwrites a higher one, whoever writes it (I7)', async () => {
  const current = await node();
  const late = await publishState(zookeeper, saleId, { state: 'sold_out', epoch: current.epoch - 1 });
  expect(late).toBe('newer_is_there');
  expect(await node()).toEqual(current);
});

test('a sale whose window was over an hour ago leaves the list that every loop walks; a younger one stays', async () => {
  const [old, young] = [newSaleId('over-long'), newSaleId('over-now')];
  for (const each of [old, young]) await openSale(stack.env, { saleId: each, units: 1 });
  await redis.hset(saleKeys(young).sale, 'closesAt', Date.now() - 60_000);
  await redis.hset(saleKeys(old).sale, 'closesAt', Date.now() - 3_660_000);
  await poll('it is struck off', async () => !(await stock.sales()).includes(old));
  expect(await stock.sales()).toContain(young);
  expect(await stock.sale(old)).toMatchObject({ free: 1 });
  await poll('its gauges to leave with it', async () => {
    const page = await serviceMetrics();
    return page.includes(`sale="${young}"`) && !page.includes(`sale="${old}"`);
  });
});

test('a sale that was over a month ago, or a rehearsal a day ago, is in ZooKeeper no more; one that is listed stays', async () => {
  const day = 86_400_000;
  const published = async (id: string, daysAgo: number) => {
    const closesAt = new Date(Date.now() - daysAgo * day).toISOString();
    const old = { ...(await node()), saleId: id, state: 'closed', window: { opensAt: closesAt, closesAt } };
    expect(await zookeeper.create(zookeeperPaths.sale(id), Buffer.from(JSON.stringify(old)))).toBe(true);
    return id;
  };
  const kept = await published(newSaleId('last-week'), 7);
  const gone = [await published(newSaleId('last-month'), 31), await published(newSaleId('shadow-x'), 2)];
  const isThere = async (id: string) => (await zookeeper.read(zookeeperPaths.sale(id))) !== null;
  for (const id of gone) await poll(`${id} to be forgotten`, async () => !(await isThere(id)));
  expect(await isThere(kept)).toBe(true);
  expect(await isThere(saleId)).toBe(true);
  await zookeeper.remove(zookeeperPaths.sale(kept));
});
