import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Queue } from 'bullmq';
import { describeRequest } from '#contract/origin.ts';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { settings } from '#contract/settings.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { createAuthenticate, shopSignInOf } from '#http/authenticate.ts';
import { createProblemApp } from '#http/problem-app.ts';
import { readConfig } from '#runtime/config.ts';
import { watchConnections } from '#runtime/connection-metrics.ts';
import { startInnerServer } from '#runtime/inner-server.ts';
import { closeServer, listen } from '#runtime/listen.ts';
import { createLogger, createThrottledWarn } from '#runtime/logger.ts';
import { runMain } from '#runtime/main.ts';
import { Counter, createRegistry } from '#runtime/metrics.ts';
import { connectPostgres, postgresReady } from '#runtime/postgres.ts';
import { connectRedis, disconnectRedis, redisReady } from '#runtime/redis.ts';
import { closeOnSignal } from '#runtime/shutdown.ts';
import { parseWebhookSecrets } from '#runtime/standard-webhooks.ts';
import { startTracing } from '#runtime/tracing.ts';
import { connectZooKeeper } from '#runtime/zookeeper.ts';
import { standForLeader } from '#runtime/zookeeper-leader.ts';
import { createStock } from '#stock/create-stock.ts';
import { watchBooks } from './audit/audit-watch.ts';
import { createAuditMetrics } from './audit/metrics.ts';
import { createMoneyBooks } from './audit/money.ts';
import { failedOrderIds } from './dead-letters/failed-orders.ts';
import { watchDeadLetters } from './dead-letters/watch.ts';
import { startDraining } from './drain/start-draining.ts';
import { startSweeper } from './drain/sweeper.ts';
import { createExpiryMetrics } from './expiry/metrics.ts';
import { startExpiring } from './expiry/start-expiring.ts';
import { chooseProvider } from './money/choose-provider.ts';
import { startMoney } from './money/start-money.ts';
import { startOps } from './ops/start-ops.ts';
import { createOrderStore } from './orders/order-store.ts';
import { startOutbox } from './outbox/outbox.ts';
import { createTellStock } from './outbox/tell-stock.ts';
import { startSubscribers } from './subscribers/start-subscribers.ts';

await runMain('order-worker', async (environment) => {
  const config = readConfig(
    settings,
    [
      'SECKILL_INSTANCE',
      'SECKILL_LISTEN',
      'SECKILL_INNER_LISTEN',
      'SECKILL_STOCK_REDIS_URL',
      'SECKILL_QUEUE_REDIS_URL',
      'SECKILL_ZOOKEEPER',
      'SECKILL_DATABASE_URL',
      'SECKILL_SESSION_SECRET',
      'SECKILL_SIGN_IN_JWKS_URL',
      'SECKILL_SIGN_IN_ISSUER',
      'SECKILL_SIGN_IN_AUDIENCE',
      'SECKILL_PAYMENT_PROVIDER',
      'SECKILL_PAYMENT_URL',
      'SECKILL_PAYMENT_API_KEY',
      'SECKILL_PAYMENT_WEBHOOK_SECRET',
      'SECKILL_PAYMENT_DEADLINE_MS',
      'SECKILL_PAYMENT_CHECK_AFTER_MS',
      'SECKILL_REFUND_TRIES',
      'SECKILL_REFUND_FIRST_WAIT_MS',
      'SECKILL_REFUND_LONGEST_WAIT_MS',
      'SECKILL_AUDIT_EVERY_MS',
      'SECKILL_CONSOLE_TOKEN',
      'SECKILL_LOG_LEVEL',
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      'OTEL_TRACES_SAMPLER_ARG',
    ],
    environment,
  );
  const logger = createLogger({
    service: 'order-worker',
    instance: config.SECKILL_INSTANCE,
    level: config.SECKILL_LOG_LEVEL,
  });
  const warn = createThrottledWarn(logger);

  const tracing = await startTracing({
    endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
    ratio: config.OTEL_TRACES_SAMPLER_ARG,
    service: 'order-worker',
    instance: config.SECKILL_INSTANCE,
    logger,
  });

  const registry = createRegistry();
  const registers = [registry];
  const swept = new Counter({
    name: 'seckill_sweeper_finished_total',
    help: 'Reservations held too long that the sweeper finished, by what it did',
    labelNames: ['outcome'],
    registers,
  });
  const auditMetrics = createAuditMetrics(registers);
  const pool = connectPostgres(config.SECKILL_DATABASE_URL, logger, { max: 4 });
  const expiryPool = connectPostgres(config.SECKILL_DATABASE_URL, logger, { max: 2 });
  const stockRedis = connectRedis('patient', config.SECKILL_STOCK_REDIS_URL, logger);
  const queueRedis = connectRedis('queue', config.SECKILL_QUEUE_REDIS_URL, logger);
  const zookeeper = connectZooKeeper({ connection: config.SECKILL_ZOOKEEPER, logger });

  const stock = createStock(stockRedis);
  const store = createOrderStore(pool);
  const queue = new Queue(queueNames.orders, { connection: queueRedis, prefix: queuePrefix });
  queue.on('error', (error) => warn(error, 'queue'));

  const outbox = startOutbox({ consumer: 'stock', pool, logger, tell: createTellStock({ stock, store, logger }) });
  const expiring = startExpiring({
    pool: expiryPool,
    queueRedis,
    logger,
    metrics: createExpiryMetrics(registers),
    onExpired: outbox.nudge,
  });
  const draining = startDraining({
    instance: config.SECKILL_INSTANCE,
    queueRedis,
    queue,
    zookeeper,
    store,
    stock,
    logger,
    registers,
    tracing,
    onStoredOrders: expiring.onStored,
  });
  const sweeper = startSweeper({
    stock,
    store,
    queue,
    logger,
    now: Date.now,
    onSwept: (outcome, count) => swept.inc({ outcome }, count),
  });

  const deadLetters = watchDeadLetters({ redis: queueRedis, pool, stock, logger, registers });
  watchConnections(registers, {
    'stock redis': () => stockRedis.status === 'ready',
    'queue redis': () => queueRedis.status === 'ready',
    zookeeper: () => zookeeper.ready() === null,
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
    money: createMoneyBooks(pool),
    onAudit: auditMetrics.audited,
    onPass: auditMetrics.passed,
    everyMs: config.SECKILL_AUDIT_EVERY_MS,
  });

  // Its own pool: what subscribers cost, no order waits for. What it writes is done again if it is lost.
  const subscribersPool = connectPostgres(config.SECKILL_DATABASE_URL, logger, { max: 3, mayLoseLast: true });
  const subscribers = startSubscribers({
    pool: subscribersPool,
    connection: queueRedis,
    registry,
    logger,
    now: Date.now,
    random: Math.random,
  });

  const moneyPool = connectPostgres(config.SECKILL_DATABASE_URL, logger, { max: 8 });
  const provider = chooseProvider(config.SECKILL_PAYMENT_PROVIDER, {
    url: config.SECKILL_PAYMENT_URL,
    apiKey: config.SECKILL_PAYMENT_API_KEY,
    secrets: parseWebhookSecrets(config.SECKILL_PAYMENT_WEBHOOK_SECRET),
  });
  const money = startMoney({
    pool: moneyPool,
    connection: queueRedis,
    stock,
    provider,
    authenticate: createAuthenticate(config.SECKILL_SESSION_SECRET, shopSignInOf(config)),
    logger,
    registers,
    now: Date.now,
    random: Math.random,
    deadlineMs: config.SECKILL_PAYMENT_DEADLINE_MS,
    checkAfterMs: config.SECKILL_PAYMENT_CHECK_AFTER_MS,
    refunds: {
      tries: config.SECKILL_REFUND_TRIES,
      firstMs: config.SECKILL_REFUND_FIRST_WAIT_MS,
      longestMs: config.SECKILL_REFUND_LONGEST_WAIT_MS,
    },
    onMoved: outbox.nudge,
  });

  const app = createProblemApp(money.apps, (error, request) =>
    warn(error, 'a request failed', describeRequest(request)),
  );
  const server = createServer(getRequestListener(app.fetch));
  server.keepAliveTimeout = 75_000; // longer than nginx keeps its idle connections, so it never meets a closing one
  await listen(server, config.SECKILL_LISTEN);

  const token = config.SECKILL_CONSOLE_TOKEN;
  const opsPool = connectPostgres(config.SECKILL_DATABASE_URL, logger, { max: 2 });
  const opsRedis = connectRedis('patient', config.SECKILL_QUEUE_REDIS_URL, logger);
  const ops = { pool: opsPool, queueRedis: opsRedis, zookeeper, stock, store: createOrderStore(opsPool), logger };
  const inner = await startInnerServer({
    address: config.SECKILL_INNER_LISTEN,
    registry,
    ready: {
      postgres: postgresReady(pool),
      'stock redis': redisReady(stockRedis),
      'queue redis': redisReady(queueRedis),
    },
    ...(token === undefined ? {} : { pages: startOps({ ...ops, token }) }),
  });
  logger.info({ listen: config.SECKILL_LISTEN }, 'ready');

  closeOnSignal(
    [
      { name: 'server', close: () => closeServer(server) },
      ...draining,
      ...expiring.closers,
      ...money.closers,
      { name: 'payment provider', close: provider.close },
      { name: 'outbox', close: outbox.close },
      { name: 'subscribers', close: subscribers.close },
      { name: 'sweeper', close: sweeper.close },
      { name: 'audit', close: books.close },
      { name: 'dead letters', close: deadLetters.close },
      { name: 'leadership', close: leadership.close },
      { name: 'inner server', close: () => inner.close() },
      { name: 'traces', close: () => tracing?.close() },
      { name: 'zookeeper', close: zookeeper.close },
      { name: 'connections', close: () => disconnectRedis(stockRedis, queueRedis, opsRedis) },
      {
        name: 'postgres',
        close: () => Promise.all([pool.end(), expiryPool.end(), moneyPool.end(), subscribersPool.end(), opsPool.end()]),
      },
    ],
    logger,
  );
});
