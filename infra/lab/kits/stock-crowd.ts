import { setTimeout as wait } from 'node:timers/promises';
import { newOrderId } from '#contract/order.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { createStock } from '#stock/create-stock.ts';
import { StockFault } from '#stock/fault.ts';
import { reserveInBatches } from '#stock/reserve-batch.ts';
import { reserveInGroups } from '#stock/reserve-groups.ts';

/** As nginx draws them. */
const origin = { requestId: 'c0ffee00c0ffee00c0ffee00c0ffee00' };
const units = 5_000_000;

/**
 * Shoppers who buy at stock Redis itself, by the connection and the batches that the service has, each order in a row with
 * the next: what no nginx, no HTTP and no ticket is part of.
 */
export function startStockCrowd({ url, replicas }: { url: string; replicas: number }) {
  const redis = connectRedis('hot', url, createLogger({ service: 'crowd', instance: 'crowd', level: 'silent' }));
  const barriers: number[] = [];
  const stock = createStock(redis, { replicas, onBarrier: (seconds) => barriers.push(seconds * 1000) });
  const reserve = replicas === 0 ? reserveInBatches(stock) : reserveInGroups(stock);
  let number = 0;

  /** One purchase, asked for again when nothing is known of it; the milliseconds until its yes. */
  async function buy(saleId: string): Promise<number> {
    number += 1;
    const question = { orderId: newOrderId(saleId, Date.now()), userId: `user-${number}`, quantity: 1, origin };
    const from = performance.now();
    for (;;) {
      try {
        const { kind } = await reserve(saleId, question);
        if (kind !== 'accepted' && kind !== 'replay') throw new Error(`a purchase was refused: ${kind}`);
        return performance.now() - from;
      } catch (error) {
        if (!(error instanceof StockFault)) throw error;
        await wait(50);
      }
    }
  }

  return {
    /** Milliseconds of every barrier since it was asked last. */
    takeBarriers: (): number[] => barriers.splice(0),
    async openSale(saleId: string): Promise<void> {
      if (redis.status !== 'ready') await new Promise<void>((resolve) => redis.once('ready', () => resolve()));
      const window = { opensAtMs: Date.now() - 1000, closesAtMs: Date.now() + 3_600_000 };
      await stock.preload(saleId, { total: units, limitPerUser: 1, lowestEpoch: 0, ...window });
      await stock.setState(saleId, 'open');
    },
    buy,
    /** `shoppers` buy for that time, each the next one when it has its yes. */
    async rush(saleId: string, shoppers: number, ms: number): Promise<{ perSecond: number; tookMs: number[] }> {
      const from = performance.now();
      const tookMs: number[] = [];
      const shopper = async () => {
        while (performance.now() - from < ms) tookMs.push(await buy(saleId));
      };
      await Promise.all(Array.from({ length: shoppers }, shopper));
      return { perSecond: (tookMs.length / (performance.now() - from)) * 1000, tookMs };
    },
    close: () => disconnectRedis(redis),
  };
}
