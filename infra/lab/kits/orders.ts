import { type AcceptedOrder, newOrderId } from '#contract/order.ts';
import { type SaleFile, saleFileSchema } from '#contract/sale.ts';
import { createLogger, type Logger } from '#runtime/logger.ts';
import { connectPostgres, type Pool } from '#runtime/postgres/connect.ts';
import { createCatalogue } from '#sales/catalogue.ts';
import { cloneDatabase } from '../servers/database.ts';
import { startRedis } from '../servers/redis.ts';
import { ownZooKeeperTree } from '../servers/zookeeper.ts';

export type Part = 'postgres' | 'stock-redis' | 'queue-redis' | 'zookeeper';

/** A pool that waits: a machine that stands still for seconds is no database that is away. */
export function connectPatiently(
  url: string,
  logger: Logger,
  options: { max?: number; mayLoseLast?: boolean } = {},
): Pool {
  const pool = connectPostgres(url, logger, { ...options, statementTimeoutMs: 30_000 });
  pool.options.connectionTimeoutMillis = 30_000;
  return pool;
}

/**
 * What tests of orders begin with: a database and a ZooKeeper tree of the file's own on the servers that the lane shares,
 * and Redis servers of its own. `close` when done.
 */
export async function startOrdersDatabase(parts: readonly Part[] = ['postgres']) {
  const redis = await startRedisServers(parts.filter((part) => part === 'stock-redis' || part === 'queue-redis'));
  const database = parts.includes('postgres') ? await cloneDatabase() : null;
  const environment: Record<string, string> = {
    ...redis.environment,
    ...(database === null ? {} : { SECKILL_DATABASE_URL: database.url }),
    ...(parts.includes('zookeeper') ? { SECKILL_ZOOKEEPER: await ownZooKeeperTree() } : {}),
  };
  const url = environment.SECKILL_DATABASE_URL ?? '';
  const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
  const pool = connectPatiently(url, logger);
  let place = 0;
  return {
    /** Addresses of the parts, as SECKILL_* settings. */
    environment,
    pool,
    logger,
    /** See `OwnDatabase` of servers/database.ts. */
    backUp() {
      if (database === null) throw new Error('there is no database to back up');
      return database.backUp();
    },
    /** A sale of its own for one test; returns its id. */
    async makeSale(changes: Partial<SaleFile> = {}): Promise<string> {
      const saleId = changes.saleId ?? `orders-${crypto.randomUUID().slice(0, 8)}`;
      place = 0;
      await createCatalogue(pool).create(
        saleFileSchema.parse({
          saleId,
          title: 'A phone',
          price: { amount: 100, currency: 'CNY' },
          units: 5,
          limitPerUser: 1,
          opensAt: '2026-01-01T00:00:00Z',
          closesAt: '2027-01-01T00:00:00Z',
          ...changes,
        }),
      );
      return saleId;
    },
    /** An accepted order with the next place. */
    makeOrder(saleId: string, quantity = 1): AcceptedOrder {
      place += quantity;
      return { orderId: newOrderId(saleId, Date.now()), saleId, userId: 'u', quantity, place, acceptedAt: Date.now() };
    },
    async close(): Promise<void> {
      await pool.end();
      await database?.drop();
      await redis.stop();
    },
  };
}

/** A Redis each, whose addresses are settings too. */
async function startRedisServers(parts: readonly ('stock-redis' | 'queue-redis')[]) {
  const servers = await Promise.all(parts.map(async (part) => ({ part, ...(await startRedis()) })));
  const settings = { 'stock-redis': 'SECKILL_STOCK_REDIS_URL', 'queue-redis': 'SECKILL_QUEUE_REDIS_URL' } as const;
  return {
    environment: Object.fromEntries(servers.map(({ part, url }) => [settings[part], url])),
    stop: async () => void (await Promise.all(servers.map((server) => server.stop()))),
  };
}
