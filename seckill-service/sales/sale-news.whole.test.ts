import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { newOrderId } from '#contract/order.ts';
import type { SaleNews } from '#contract/sale-news.ts';
import { newSaleId, openSale } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { startTcpProxy } from '#lab/servers/tcp-proxy.ts';
import { zookeeperOf } from '#lab/servers/zookeeper.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { connectZooKeeper } from '#runtime/zookeeper/client.ts';
import { createStock } from '#stock/create-stock.ts';
import { readSaleNode } from './publish-state.ts';
import { listenForSaleNews } from './sale-news.ts';

const stack = inject('stack');
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const redisUrl = stack.env.SECKILL_STOCK_REDIS_URL ?? '';
vi.setConfig({ testTimeout: 180_000 }); // sales are opened by the real command

/** A sale with one unit, and a stock to sell it and give it back: as a process does that knows no ZooKeeper. */
async function sale() {
  const saleId = newSaleId('news');
  await openSale(stack.env, { saleId, units: 1, limitPerUser: 1 });
  const redis = new Redis(redisUrl, { replyMapping: 'legacy' }); // without deadlines: nothing is sent twice
  onTestFinished(() => disconnectRedis(redis));
  const stock = createStock(redis);
  /** Sells the unit and gives it back; returns the epoch at which the sale is open again. */
  const sellAndReturn = async () => {
    const orderId = newOrderId(saleId, Date.now());
    await stock.reserve(saleId, { orderId, userId: 'someone', quantity: 1 });
    const outcome = await stock.release(saleId, orderId);
    if (outcome.kind !== 'released' || outcome.openEpoch === null) throw new Error(JSON.stringify(outcome));
    return outcome.openEpoch;
  };
  return { saleId, sellAndReturn };
}

/** The epochs of a sale that ZooKeeper has from the news: what the reconciler brings is told in other words. */
function broughtByNews(saleId: string): number[] {
  const dir = join(stack.dir, 'logs');
  const services = readdirSync(dir).filter((name) => /^service-\d+\.log$/.test(name));
  return services
    .flatMap((name) => readFileSync(join(dir, name), 'utf8').split('\n'))
    .filter((line) => line.includes(saleId) && line.endsWith('"outcome":"written","msg":"news of stock Redis"}'))
    .map((line) => (JSON.parse(line) as { epoch: number }).epoch); // a line of our own
}

test('a unit that comes back is in ZooKeeper at once, not when the reconciler looks next (I7)', async () => {
  const { saleId, sellAndReturn } = await sale();
  const patience = { sessionTimeoutMs: 10_000, callTimeoutMs: 20_000 };
  const zookeeper = connectZooKeeper({ ...zookeeperOf(stack.env), logger, ...patience });
  onTestFinished(zookeeper.close);
  const epochs: number[] = [];
  for (let round = 0; round < 15; round += 1) {
    const epoch = await sellAndReturn();
    epochs.push(epoch);
    await poll('the epoch', async () => ((await readSaleNode(zookeeper, saleId))?.epoch ?? 0) >= epoch);
    expect(await readSaleNode(zookeeper, saleId)).toMatchObject({ state: 'open', epoch });
  }
  // Now and then, where all is slow, the reconciler may have been the first.
  await poll('most of them to be the news', async () => {
    const brought = new Set(broughtByNews(saleId));
    return epochs.filter((epoch) => brought.has(epoch)).length > epochs.length / 2;
  });
});

test('news are heard again after the link broke, also when it broke without a word', async () => {
  const { saleId, sellAndReturn } = await sale();
  const [host = '', port] = new URL(redisUrl).host.split(':');
  const link = await startTcpProxy({ to: { host, port: Number(port) } });
  const throughLink = new URL(redisUrl);
  throughLink.port = String(link.port);
  const redis = connectRedis('listening', throughLink.href, logger);
  const heard: SaleNews[] = [];
  const listener = listenForSaleNews({ redis, logger, onNews: (news) => news.saleId === saleId && heard.push(news) });
  onTestFinished(async () => {
    listener.close();
    disconnectRedis(redis);
    await link.close();
  });
  const hears = async () => {
    heard.length = 0;
    // Again and again: what is said while it does not listen is lost.
    await poll('the news', async () => {
      const epoch = await sellAndReturn();
      await poll('this one', async () => heard.some((news) => news.epoch === epoch), 1000).catch(() => undefined);
      return heard.some((news) => news.epoch === epoch && news.state === 'open');
    });
  };
  await hears();
  link.mode('half-open');
  await poll('the dead link to be noticed', async () => redis.status !== 'ready');
  link.mode('pass');
  await hears();
  link.mode('cut');
  await poll('the cut to be noticed', async () => redis.status !== 'ready');
  link.mode('pass');
  await hears();
});
