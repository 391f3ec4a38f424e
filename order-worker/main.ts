import { setTimeout as wait } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { settings } from '#contract/settings.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { readConfig } from '#runtime/config.ts';
import { startInnerServer } from '#runtime/inner-server.ts';
import { createLogger, createThrottledWarn } from '#runtime/logger.ts';
import { runMain } from '#runtime/main.ts';
import { Counter, createRegistry, Gauge } from '#runtime/metrics.ts';
import { connectPostgres, postgresReady } from '#runtime/postgres.ts';
import { connectRedis, disconnectRedis, redisReady } from '#runtime/redis.ts';
import { closeOnSignal } from '#runtime/shutdown.ts';
import { connectZooKeeper } from '#runtime/zookeeper.ts';
import { standForLeader } from '#runtime/zookeeper-leader.ts';
import { createStock } from '#stock/stock.ts';
import { watchBooks } from './audit/audit-watch.ts';
import { createCommitBatch } from './drain/commit-batch.ts';
import { failedOrderIds } from './drain/dead-letters.ts';
import { startDrain } from './drain/drain.ts';
import { keepDrainRate } from './drain/rate.ts';
import { startSweeper } from './drain/sweeper.ts';
import { createOrderStore } from './orders/order-store.ts';

await runMain('order-worker', async (environment) => {
  const config = readConfig(
    settings,
    [
      'SECKILL_INSTANCE',
      'SECKILL_INNER_LISTEN',
      'SECKILL_STOCK_REDIS_URL',
      'SECKILL_QUEUE_REDIS_URL',
      'SECKILL_ZOOKEEPER',
      'SECKILL_DATABASE_URL',
      'SECKILL_LOG_LEVEL',
    ],
    environment,
  );
  const logger = createLogger({
    service: 'order-worker',
    instance: config.SECKILL_INSTANCE,
    level: config.SECKILL_LOG_LEVEL,
  });
  const warn = createThrottledWarn(logger);

  const registry = createRegistry();
  const registers = [registry];
  const stored = new Counter({
    name: 'seckill_orders_stored_total',
    help: 'Order jobs finished by this process, by outcome',
    labelNames: ['outcome'],
    registers,
  });
  const swept = new Counter({
    name: 'seckill_sweeper_finished_total',
    help: 'Reservations held too long that the sweeper finished, by what it did',
    labelNames: ['outcome'],
    registers,
  });
  const guarded = new Counter({
    name: 'seckill_units_guard_refused_total',
    help: 'Orders that the database refused because their sale had no unit left: must stay 0',
    registers,
  });
  const differences = new Gauge({
    name: 'seckill_audit_differences',
    help: 'Differences that the last audit of a sale found: must stay 0 (exported by the leader)',
    labelNames: ['sale'],
    registers,
  });
  const limit = new Gauge({
    name: 'seckill_drain_limit_per_second',
    help: 'The drain rate that ops set; 0 is uncapped',
    registers,
  });

  const pool = connectPostgres(config.SECKILL_DATABASE_URL, logger, { max: 4 });
  const stockRedis = connectRedis('patient', config.SECKILL_STOCK_REDIS_URL, logger);
  const queueRedis = connectRedis('queue', config.SECKILL_QUEUE_REDIS_URL, logger);
  const zookeeper = connectZooKeeper({ connection: config.SECKILL_ZOOKEEPER, logger });

  const stock = createStock(stockRedis);
  const store = createOrderStore(pool);
  const queue = new Queue(queueNames.orders, { connection: queueRedis, prefix: queuePrefix });
  queue.on('error', (error) => warn(error, 'queue'));

  const rate = keepDrainRate({ queue, zookeeper, logger, onRate: (perSecond) => limit.set(perSecond ?? 0) });
  const commitBatch = createCommitBatch({
    store,
    stock,
    logger,
    wait: async (ms) => void (await wait(ms)),
    onGuard: () => guarded.inc(),
  });
  const drain = startDrain({
    connection: queueRedis,
    commitBatch,
    logger,
    onStored: (outcome) => stored.inc({ outcome }),
  });
  const sweeper = startSweeper({
    stock,
    store,
    queue,
    logger,
    now: Date.now,
    onSwept: (outcome, count) => swept.inc({ outcome }, count),
  });

  const leadership = standForLeader({
    zookeeper,
    path: zookeeperPaths.leader('audit'),
    instance: config.SECKILL_INSTANCE,
    logger,
  });
  const books = watchBooks({
    stock,
    store,
    leadership,
    logger,
    deadLetters: () => failedOrderIds(queue),
    onAudit: (saleId, count) =>
      count === null ? differences.remove({ sale: saleId }) : differences.set({ sale: saleId }, count),
  });

  const inner = await startInnerServer({
    address: config.SECKILL_INNER_LISTEN,
    registry,
    ready: {
      postgres: postgresReady(pool),
      'stock redis': redisReady(stockRedis),
      'queue redis': redisReady(queueRedis),
    },
  });
  logger.info('ready');

  closeOnSignal(
    [
      { name: 'drain', close: drain.close },
      { name: 'sweeper', close: sweeper.close },
      { name: 'rate', close: rate.close },
      { name: 'audit', close: books.close },
      { name: 'leadership', close: leadership.close },
      { name: 'inner server', close: () => inner.close() },
      { name: 'zookeeper', close: zookeeper.close },
      { name: 'connections', close: () => disconnectRedis(stockRedis, queueRedis) },
      { name: 'postgres', close: () => pool.end() },
    ],
    logger,
  );
});
