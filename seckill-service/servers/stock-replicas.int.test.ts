import { expect, onTestFinished, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { startReplicatedRedis } from '#lab/servers/replicated-redis.ts';
import { createLogger } from '#runtime/logger.ts';
import { createRegistry } from '#runtime/metrics.ts';
import { missingReplicas, watchStockReplicas } from './stock-replicas.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });

test('a replica that is lost is not counted any more, and a primary that is away has none', async () => {
  const servers = await startReplicatedRedis(2);
  onTestFinished(() => servers.stop());
  const registry = createRegistry();
  const redis = servers.connect('patient');
  const loop = watchStockReplicas({ redis, asked: 1, registers: [registry], logger, everyMs: 50 });
  onTestFinished(() => loop?.close());
  const counted = async () => (await registry.getSingleMetric('seckill_stock_replicas')?.get())?.values[0]?.value;
  await poll('both to be counted', async () => (await counted()) === 2);
  await servers.replicas[0]?.kill();
  await poll('one to be counted', async () => (await counted()) === 1);
  expect([await missingReplicas(redis, 1), await missingReplicas(redis, 0)]).toEqual([null, null]);
  await servers.replicas[1]?.kill();
  const words = '0 replicas follow its primary, and SECKILL_STOCK_REPLICAS asks for 1: nothing is sold until one does';
  await poll('it is said that none is left', async () => (await missingReplicas(redis, 1)) === words);
  await servers.primary.kill();
  await poll('none to be counted', async () => (await counted()) === 0, 20_000);
});

test('without a replica that is asked for, nothing is asked of a server', async () => {
  const servers = await startReplicatedRedis(0);
  onTestFinished(() => servers.stop());
  const registry = createRegistry();
  const redis = servers.connect('patient');
  expect(watchStockReplicas({ redis, asked: 0, registers: [registry], logger })).toBe(null);
  expect(await registry.metrics()).toContain('seckill_stock_replicas_asked 0');
});
