import { afterAll, afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { startReplicatedRedis } from '#lab/servers/replicated-redis.ts';
import { ownZooKeeperTree } from '#lab/servers/zookeeper.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectZooKeeper } from '#runtime/zookeeper/client.ts';
import { createStock } from '#stock/create-stock.ts';
import type { Catalogue } from './catalogue.ts';
import { publishSale, readSaleNode } from './publish-state.ts';
import { followPublishedSales } from './published-sales.ts';
import { startReconciler } from './reconciler.ts';
import { createRollbackGuard } from './rollback-guard.ts';
import { toSaleNode } from './sale-state.ts';

const servers = await startReplicatedRedis(1);
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const zookeeper = connectZooKeeper({
  ...{ connection: await ownZooKeeperTree(), logger },
  ...{ sessionTimeoutMs: 10_000, callTimeoutMs: 20_000 },
});
const published = followPublishedSales({ zookeeper, logger });
const passed: boolean[] = [];
const stock = createStock(servers.connect('patient'), {
  replicas: 1,
  onBarrier: (_seconds, isReplicated) => passed.push(isReplicated),
});
let saleId = '';

afterAll(async () => {
  await published.close();
  zookeeper.close();
  await servers.stop();
});
beforeEach(async () => {
  saleId = `replicated-${crypto.randomUUID().slice(0, 8)}`;
  const window = { opensAtMs: Date.now() - 1000, closesAtMs: Date.now() + 600_000 };
  await stock.preload(saleId, { total: 10, limitPerUser: 1, lowestEpoch: 0, ...window });
  await stock.setState(saleId, 'open');
  const sale = await stock.sale(saleId);
  if (sale === null) throw new Error('the sale is gone');
  const bare = { checkout: { mode: 'here' }, collect: [] as string[] };
  const told = { saleId, title: 'A phone', price: { amount: 1, currency: 'CNY' }, challenge: 'none', ...bare };
  await publishSale(zookeeper, toSaleNode(told as Parameters<typeof toSaleNode>[0], sale)); // what it reads of it
  await poll('the sale to be followed', async () => published.isComplete() && published.get(saleId) !== null);
});
afterEach(() => servers.resumeReplicas());
const epochTold = async () => (await readSaleNode(zookeeper, saleId))?.epoch;

test('an epoch that no replica has is told to ZooKeeper by neither pass nor news, and is as soon as one has it', async () => {
  const before = await epochTold();
  servers.pauseReplicas();
  const paused = await stock.setState(saleId, 'pause');
  if (paused.kind !== 'done') throw new Error(paused.kind);
  passed.length = 0;
  const reconciler = startReconciler({
    ...{ stock, zookeeper, published, logger, everyMs: 20 },
    catalogue: {} as Catalogue, // of which a sale that ZooKeeper knows needs nothing
    leadership: { isLeader: () => true, close: async () => undefined },
  });
  onTestFinished(() => reconciler.close());
  reconciler.heard({ saleId, state: 'paused', epoch: paused.epoch });
  await poll('some passes', () => passed.length >= 3);
  expect(passed).not.toContain(true);
  expect(await epochTold()).toBe(before);
  servers.resumeReplicas();
  await poll('the epoch to be told', async () => (await epochTold()) === paused.epoch);
});

test('an older past is no reason to pause a sale while the server that tells of it has no replica', async () => {
  const rollbacks: string[] = [];
  const guard = createRollbackGuard({
    ...{ zookeeper, logger, catalogue: { witnesses: async () => [] } },
    onRollback: (id) => rollbacks.push(id),
  });
  guard.sawOrder(saleId, 3, `${saleId}-lost`);
  servers.pauseReplicas();
  await expect(guard.check(stock)).rejects.toMatchObject({ kind: 'unknown' });
  expect([rollbacks, (await stock.sale(saleId))?.state]).toEqual([[], 'open']);
  servers.resumeReplicas();
  await poll('the pause', () => guard.check(stock).then((sales) => sales.includes(saleId)));
  expect(rollbacks).toEqual([saleId]);
  expect(await stock.sale(saleId)).toMatchObject({
    state: 'paused',
    fault: 'it granted 0 units, but place 3 was given',
  });
});
