import { queueNames, queuePrefix } from '#contract/queues.ts';
import { settings, stockReplicas } from '#contract/settings.ts';
import { createMoneyBooks } from '#order-worker/audit/money.ts';
import { createOrderStore } from '#order-worker/orders/order-store.ts';
import { readConfig } from '#runtime/config.ts';
import { withDeadline } from '#runtime/deadline.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectPostgres } from '#runtime/postgres/connect.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { connectZooKeeper } from '#runtime/zookeeper/client.ts';
import { createCatalogue } from '#sales/catalogue.ts';
import { createPictures } from '#sales/sale-pictures.ts';
import { createStock } from '#stock/create-stock.ts';
import { explained } from './explained.ts';
import { neededSettings } from './needed-settings.ts';

/** As the deadline of a command over a `patient` connection. */
const queueDeadlineMs = 5000;

/** Everything that {@link Connections} names; of connections.ts alone, which loads this file when a command runs. */
export async function openConnections(environment: Record<string, string | undefined>) {
  const config = readConfig(
    settings,
    [...neededSettings, 'SECKILL_STOCK_REPLICAS', 'SECKILL_ZOOKEEPER_AUTH'],
    environment,
  );
  const logger = createLogger({ service: 'cli', instance: 'cli', level: 'silent' });
  const stockRedis = connectRedis('patient', config.SECKILL_STOCK_REDIS_URL, logger);
  const queueRedis = connectRedis('patient', config.SECKILL_QUEUE_REDIS_URL, logger);
  const zookeeper = connectZooKeeper({
    connection: config.SECKILL_ZOOKEEPER,
    auth: config.SECKILL_ZOOKEEPER_AUTH,
    logger,
  });
  const pool = connectPostgres(config.SECKILL_DATABASE_URL, logger, { max: 4, statementTimeoutMs: 60_000 });
  /** BullMQ is most of what there is to load: only for those who ask for it. */
  const openQueue = async () => {
    const { Queue } = await import('bullmq');
    const opened = new Queue(queueNames.orders, {
      connection: queueRedis,
      prefix: queuePrefix,
      skipVersionCheck: true,
    });
    opened.on('error', () => {}); // each command's own call rejects with it
    await withDeadline(opened.waitUntilReady(), queueDeadlineMs, 'reaching queue Redis'); // BullMQ itself waits for ever
    return opened;
  };
  let opening: ReturnType<typeof openQueue> | undefined;
  const queue = () => {
    opening ??= openQueue();
    return opening;
  };
  return {
    stock: createStock(stockRedis, { replicas: stockReplicas(config) }),
    catalogue: createCatalogue(pool),
    pictures: createPictures(pool),
    store: createOrderStore(pool),
    zookeeper,
    queue,
    stockRedis,
    queueRedis,
    pool,
    deadLetters: async () => {
      const { failedOrderIds } = await import('#order-worker/dead-letters/failed-orders.ts');
      return failedOrderIds(await queue());
    },
    money: createMoneyBooks(pool),
    /** See {@link explained}. */
    explain: (error: unknown) => explained(error, { stock: stockRedis, queue: queueRedis }),
    close: async () => {
      zookeeper.close();
      disconnectRedis(stockRedis, queueRedis);
      await pool.end();
    },
  };
}
