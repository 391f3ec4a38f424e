import { edgeCounts } from '#contract/edge-counts.ts';
import type { Reader, Reading } from '#loadtest/run/sampler.ts';
import { countOrders } from '#order-worker/queue/queued-orders.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectRedis, disconnectRedis, type Redis } from '#runtime/redis/connect.ts';
import { unitsGranted } from '#stock/stock-sale.ts';
import { commandConfig } from '../kit/command-config.ts';
import type { CommandContext } from '../kit/connections.ts';
import { readEdgeSamples } from '../watch/funnel.ts';

/** What is read of the system once a second; loadtest/report/system-charts.ts knows the names. */
export function openReaders(context: CommandContext, saleId: string): { readers: Reader[]; close: () => void } {
  const config = commandConfig(['SECKILL_STOCK_REDIS_URL', 'SECKILL_QUEUE_REDIS_URL'], context.environment);
  const innerUrls = context.environment.SECKILL_EDGE_INNER_URL?.split(',') ?? [];
  const logger = createLogger({ service: 'cli', instance: 'loadtest', level: 'silent' });
  const stockRedis = connectRedis('patient', config.SECKILL_STOCK_REDIS_URL, logger);
  const queueRedis = connectRedis('patient', config.SECKILL_QUEUE_REDIS_URL, logger);
  return {
    readers: [
      () => readEdge(innerUrls, saleId),
      () => readSale(context, saleId),
      () => readRedis(stockRedis, 'stock'),
      () => readRedis(queueRedis, 'queue'),
      () => readPostgres(context.pool),
    ],
    close: () => disconnectRedis(stockRedis, queueRedis),
  };
}

async function readEdge(innerUrls: readonly string[], saleId: string): Promise<Reading> {
  const counters: Record<string, number> = {};
  const samples = (await readEdgeSamples(...innerUrls)) ?? [];
  for (const [reason, count] of Object.entries(edgeCounts(samples, saleId).shed)) counters[`shed.${reason}`] = count;
  for (const { name, labels, value } of samples) {
    if (labels.sale !== saleId) continue;
    const series =
      name === 'seckill_edge_upstream_total'
        ? `passed.${labels.status}`
        : name === 'seckill_edge_office_total'
          ? `office.${labels.route} ${labels.outcome}`
          : null;
    if (series !== null) counters[series] = (counters[series] ?? 0) + value;
  }
  return { counters, gauges: {} };
}

async function readSale({ stock, queue: openQueue }: CommandContext, saleId: string): Promise<Reading> {
  const queue = await openQueue();
  const [sale, outbox, queued] = await Promise.all([
    stock.sale(saleId),
    stock.outboxLength(saleId),
    countOrders(queue),
  ]);
  if (sale === null) return { counters: {}, gauges: {} };
  const sold = unitsGranted(sale);
  return {
    counters: { 'orders.sold': sold, 'orders.stored': sale.committed },
    gauges: {
      'units.free': sale.free,
      'units.sold': sold,
      'units.stored': sale.committed,
      'queue.outbox': outbox,
      'queue.waiting orders': queued.waiting + queued.active + queued.delayed,
      'queue.dead letters': queued.failed,
    },
  };
}

async function readRedis(redis: Redis, name: string): Promise<Reading> {
  const info = await redis.info();
  const field = (key: string) => Number(new RegExp(`^${key}:(\\d+)`, 'm').exec(info)?.[1] ?? Number.NaN);
  return {
    counters: { [`redis-commands.${name}`]: field('total_commands_processed') },
    gauges: {
      [`redis-memory.${name}`]: field('used_memory'),
      [`redis-clients.${name}`]: field('connected_clients'),
    },
  };
}

async function readPostgres(pool: CommandContext['pool']): Promise<Reading> {
  const { rows } = await pool.query<Record<'commits' | 'inserted' | 'updated' | 'backends', number>>(
    `SELECT xact_commit::float8 AS commits, tup_inserted::float8 AS inserted, tup_updated::float8 AS updated,
            numbackends::float8 AS backends
       FROM pg_stat_database WHERE datname = current_database()`,
  );
  const [row] = rows;
  if (row === undefined) return { counters: {}, gauges: {} };
  return {
    counters: { 'pg.commits': row.commits, 'pg.rows inserted': row.inserted, 'pg.rows updated': row.updated },
    gauges: { 'pg-connections.open': row.backends },
  };
}
