import { afterAll, expect, test } from 'vitest';
import { startStockRedis } from '#lab/servers/stock-redis.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { createStock } from '#stock/create-stock.ts';
import type { Stock } from '#stock/stock.ts';
import { createPurchase } from './purchase.ts';
import { warmUp } from './warm-up.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const server = await startStockRedis();
const redis = connectRedis('hot', server.url, logger);
const ticketKeys = () => [{ id: 'k1', secret: 'of the tests, and long enough to be one' }];
afterAll(async () => {
  disconnectRedis(redis);
  await server.stop();
});

/** Warms up a purchase that hears yes and no from the real script; `outcomes` is what it heard. */
async function warm(options: { isOpen: () => boolean; withinMs?: number }) {
  const outcomes: string[] = [];
  const sales = new Set<string>();
  const stock = createStock(redis);
  const reserve: Stock['reserve'] = async (saleId, ...rest) => {
    sales.add(saleId);
    const outcome = await stock.reserve(saleId, ...rest);
    outcomes.push(outcome.kind);
    return outcome;
  };
  const not = () => expect.unreachable('nothing is sold by warming up');
  const purchase = createPurchase({
    ...{ stock: { reserve, shown: stock.shown }, ticketKeys, now: Date.now, wait: async () => not() },
    ...{ onAccepted: not, onSoldOut: not },
  });
  const from = performance.now();
  await warmUp({ purchase, ticketKeys, logger, ...options });
  return { outcomes, sales: [...sales], ms: performance.now() - from };
}

test('it goes the whole way to the script a thousand times, and leaves nothing in stock Redis', async () => {
  const { outcomes, sales } = await warm({ isOpen: () => redis.status === 'ready', withinMs: 30_000 });
  expect(outcomes.length).toBeGreaterThan(1000);
  expect(new Set(outcomes)).toEqual(new Set(['sale_unknown']));
  expect(sales).toEqual([expect.stringMatching(/^warm-up-/)]);
  expect(await redis.keys(`*${sales[0]}*`)).toEqual([]);
});

test('a stock Redis that is away keeps a service from its work for no longer than it may take', async () => {
  const { outcomes, ms } = await warm({ isOpen: () => false, withinMs: 100 });
  expect(outcomes).toEqual([]);
  expect(ms).toBeGreaterThanOrEqual(100);
});
