import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type SaleNode, saleNodeSchema } from '#contract/sale.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { newSaleId, openSale, until } from '#infra/acceptance/seckill.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectZooKeeper } from '#runtime/zookeeper.ts';
import { publishState, readSaleNode } from './publish-state.ts';

// The stack's own services run the reconciler: this test only breaks what it has to mend.
const stack = inject('stack');
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const zookeeper = connectZooKeeper({ connection: stack.env.SECKILL_ZOOKEEPER ?? '', logger });
const saleId = newSaleId('reconcile');
const path = zookeeperPaths.sale(saleId);

beforeAll(() => openSale(stack.env, stack.dir, { saleId, units: 1 }));
afterAll(() => zookeeper.close());

const node = async (): Promise<SaleNode> => {
  const found = await zookeeper.read(path);
  return saleNodeSchema.parse(JSON.parse(found?.data.toString() ?? 'null'));
};

test('a writer that died before ZooKeeper heard of the newest epoch is made up for (I7)', async () => {
  const current = await node();
  const found = await zookeeper.read(path);
  const older = Buffer.from(JSON.stringify({ ...current, state: 'paused', epoch: current.epoch - 1 }));
  expect(await zookeeper.write(path, older, found?.version ?? -1)).toBe(true);
  await until('the repair', async () => (await node()).epoch === current.epoch);
  expect(await node()).toEqual(current);
});

test('a sale that ZooKeeper has lost is published again', async () => {
  const current = await node();
  await zookeeper.remove(path);
  await until('the node', async () => (await readSaleNode(zookeeper, saleId)) !== null);
  expect(await node()).toEqual(current);
});

test('a lower epoch never overwrites a higher one, whoever writes it (I7)', async () => {
  const current = await node();
  const late = await publishState(zookeeper, saleId, { state: 'sold_out', epoch: current.epoch - 1 });
  expect(late).toBe('newer_is_there');
  expect(await node()).toEqual(current);
});
