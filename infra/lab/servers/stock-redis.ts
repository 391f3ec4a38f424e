import { Redis } from 'ioredis';
import { newOrderId } from '#contract/order.ts';
import { disconnectRedis } from '#runtime/redis/connect.ts';
import { createStock } from '#stock/create-stock.ts';
import { startRedis } from './redis.ts';

/** A stock Redis of a test's own: no relay and no sweeper touches it. `probe` looks past the stock. */
export async function startStockRedis() {
  const server = await startRedis();
  const { url, client: probe } = server;
  // As the hot connection, without its deadlines: a machine that stands still for a second is no fault here.
  const redis = new Redis(url, { replyMapping: 'legacy', enableAutoPipelining: true });
  const stock = createStock(redis);
  await redis.ping();

  return {
    url,
    redis,
    probe,
    stock,
    newSaleId: () => `stock-test-${crypto.randomUUID().slice(0, 8)}`,
    order: (saleId: string) => newOrderId(saleId, Date.now()),
    /** A fresh sale, open; `change` overrides what is loaded. */
    async openSale(
      saleId: string,
      units: number,
      change: { limit?: number; opensInMs?: number; closesInMs?: number } = {},
    ): Promise<void> {
      const nowMs = Date.now();
      await stock.preload(saleId, {
        total: units,
        opensAtMs: nowMs + (change.opensInMs ?? -1000),
        closesAtMs: nowMs + (change.closesInMs ?? 60_000),
        limitPerUser: change.limit ?? 1,
        lowestEpoch: 0,
      });
      await stock.setState(saleId, 'open');
    },
    /** The terms of I1, as the books have them. */
    async equation(saleId: string) {
      const cut = await stock.cut(saleId);
      const held = [...(cut?.reservations.values() ?? [])].filter((it) => it.state !== 'released');
      return { free: cut?.sale.free, held: held.reduce((sum, it) => sum + it.units, 0), total: cut?.sale.total };
    },
    async stop(): Promise<void> {
      disconnectRedis(redis);
      await server.stop();
    },
  };
}
