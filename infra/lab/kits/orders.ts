import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AcceptedOrder, newOrderId } from '#contract/order.ts';
import { type SaleFile, saleFileSchema } from '#contract/sale.ts';
import { runMigrations } from '#infra/migrations/run.ts';
import { startStack } from '#infra/stack/stack.ts';
import { createLogger, type Logger } from '#runtime/logger.ts';
import { connectPostgres, type Pool } from '#runtime/postgres.ts';
import { createCatalogue } from '#sales/catalogue.ts';

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

/** Real servers in a directory of their own, migrated, and what tests of orders begin with. `close` when done. */
export async function startOrdersDatabase(parts: readonly Part[] = ['postgres']) {
  const dir = await mkdtemp(join(tmpdir(), 'orders-'));
  const stack = await startStack({ dir, only: [...parts], port: 'any', environment: process.env });
  const url = stack.environment.SECKILL_DATABASE_URL ?? '';
  await runMigrations(url);
  const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
  const pool = connectPatiently(url, logger);
  let place = 0;
  return {
    stack,
    pool,
    logger,
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
      await stack.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
