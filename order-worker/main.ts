import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Queue } from 'bullmq';
import { databaseSchema } from '#contract/database-schema.ts';
import { describeRequest } from '#contract/origin.ts';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { settings, stockReplicas } from '#contract/settings.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { createAuthenticate, shopSignInOf } from '#http/authenticate.ts';
import { createProblemApp } from '#http/problem-app.ts';
import type { Own } from '#runtime/belongings.ts';
import { readConfig, readTogether } from '#runtime/config.ts';
import { watchConnections } from '#runtime/connection-metrics.ts';
import { startInnerServer } from '#runtime/inner-server.ts';
import { closeServer, listenForNginx, stopListening } from '#runtime/listen.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { Counter, createRegistry } from '#runtime/metrics.ts';
import { connectPostgres, postgresReady } from '#runtime/postgres/connect.ts';
import { schemaReady } from '#runtime/postgres/schema-ready.ts';
import { connectRedis, disconnectRedis, redisReady } from '#runtime/redis/connect.ts';
import { countFailovers } from '#runtime/redis/failover-metric.ts';
import { runService } from '#runtime/service.ts';
import { parseWebhookSecrets } from '#runtime/standard-webhooks.ts';
import { startTracing } from '#runtime/tracing.ts';
import { connectZooKeeper } from '#runtime/zookeeper/client.ts';
import { standForLeader } from '#runtime/zookeeper/leader.ts';
import { createStock } from '#stock/create-stock.ts';
import { createBarrierMetrics } from '#stock/metrics.ts';
import { watchBooks } from './audit/audit-watch.ts';
import { createAuditMetrics } from './audit/metrics.ts';
import { createMoneyBooks } from './audit/money.ts';
import { failedOrderIds } from './dead-letters/failed-orders.ts';
import { watchDeadLetters } from './dead-letters/watch.ts';
import { createSeal } from './details/seal.ts';
import { startDetails } from './details/start-details.ts';
import { startDraining } from './drain/start-draining.ts';
import { startSweeper } from './drain/sweeper.ts';
import { createExpiryMetrics } from './expiry/metrics.ts';
import { startExpiring } from './expiry/start-expiring.ts';
import { startHandOver } from './hand-over/start-hand-over.ts';
import { chooseProvider } from './money/choose-provider.ts';
import { startMoney } from './money/start-money.ts';
import { startOps } from './ops/start-ops.ts';
import { createFindOrder } from './orders/find-order.ts';
import { createFindOwnOrder } from './orders/find-own-order.ts';
import { createOrderStore } from './orders/order-store.ts';
import { startOutbox } from './outbox/outbox.ts';
import { createTellStock } from './outbox/tell-stock.ts';
import { watchPostgresStandbys } from './servers/postgres-standbys.ts';
import { startSubscribers } from './subscribers/start-subscribers.ts';

type Config = ReturnType<typeof readSettings>;
const readSettings = (environment: Record<string, string | undefined>) => {
  const [config, provider] = readTogether(
    () =>
      readConfig(
        settings,
        [
          'SECKILL_INSTANCE',
          'SECKILL_LISTEN',
          'SECKILL_INNER_LISTEN',
          'SECKILL_STOCK_REDIS_URL',
          'SECKILL_STOCK_REPLICAS',
          'SECKILL_QUEUE_REDIS_URL',
          'SECKILL_ZOOKEEPER',
          'SECKILL_ZOOKEEPER_AUTH',
          'SECKILL_DATABASE_URL',
          'SECKILL_SESSION_SECRET',
          'SECKILL_SIGN_IN_JWKS_URL',
          'SECKILL_SIGN_IN_ISSUER',
          'SECKILL_SIGN_IN_AUDIENCE',
          'SECKILL_PAYMENT_DEADLINE_MS',
          'SECKILL_PAYMENT_CHECK_AFTER_MS',
          'SECKILL_PUBLIC_URL',
          'SECKILL_HAND_OVER_KEY',
          'SECKILL_HAND_OVER_SECRET',
          'SECKILL_PERSONAL_KEYS',
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
      ),
    () => chooseProvider(environment),
  );
  return { ...config, provider };
};

function openConnections(own: Own, config: Config, logger: Logger) {
  const redis = (name: string, kind: Parameters<typeof connectRedis>[0], url: string) =>
    own(name, connectRedis(kind, url, logger), disconnectRedis);
  const postgres = (options: Parameters<typeof connectPostgres>[2]) =>
    connectPostgres(config.SECKILL_DATABASE_URL, logger, options);
  // A pool for each subject: what one costs, no other waits for. All are ended at once, within one deadline.
  const pools = {
    pool: postgres({ max: 4 }),
    expiryPool: postgres({ max: 2 }),
    moneyPool: postgres({ max: 8 }),
    // What it writes is done again if it is lost.
    subscribersPool: postgres({ max: 3, mayLoseLast: true }),
    opsPool: postgres({ max: 2 }),
  };
  own('postgres', pools, (all) => Promise.all(Object.values(all).map((pool) => pool.end())));
  return {
    ...pools,
    stockRedis: redis('stock redis', 'patient', config.SECKILL_STOCK_REDIS_URL),
    queueRedis: redis('queue redis', 'queue', config.SECKILL_QUEUE_REDIS_URL),
    opsRedis: redis('queue redis, ops', 'patient', config.SECKILL_QUEUE_REDIS_URL),
    zookeeper: own(
      'zookeeper',
      connectZooKeeper({ connection: config.SECKILL_ZOOKEEPER, auth: config.SECKILL_ZOOKEEPER_AUTH, logger }),
    ),
  };
}

await runService('order-worker', readSettings, async ({ config, logger, own }) => {
  const instance = config.SECKILL_INSTANCE;
  const warn = createThrottledWarn(logger);
  const registry = createRegistry();
  const registers = [registry];
  const { pool, expiryPool, moneyPool, subscribersPool, opsPool, stockRedis, queueRedis, opsRedis, zookeeper } =
    openConnections(own, config, logger);
  const tracing = own(
    'traces',
    await startTracing({
      endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
      ratio: config.OTEL_TRACES_SAMPLER_ARG,
      service: 'order-worker',
      instance,
      logger,
    }),
    (it) => it?.close(),
  );
  const inner = own('inner server', createServer(), stopListening); // answers until all that it shows is closed
  watchConnections(registers, {
    'stock redis': () => stockRedis.status === 'ready',
    'queue redis': () => queueRedis.status === 'ready',
    zookeeper: () => zookeeper.ready() === null,
  });
  countFailovers(registers, {
    'stock redis': config.SECKILL_STOCK_REDIS_URL,
    'queue redis': config.SECKILL_QUEUE_REDIS_URL,
  });

  const stock = createStock(stockRedis, {
    replicas: stockReplicas(config),
    onBarrier: createBarrierMetrics(registers),
  });
  const store = createOrderStore(pool);
  const queue = new Queue(queueNames.orders, { connection: queueRedis, prefix: queuePrefix });
  queue.on('error', (error) => warn(error, 'queue'));

  const leadership = own(
    'leadership',
    standForLeader({ zookeeper, path: zookeeperPaths.leader('audit'), instance, logger }),
  );
  own('postgres standbys', watchPostgresStandbys({ url: config.SECKILL_DATABASE_URL, registers, logger }));
  own('dead letters', watchDeadLetters({ redis: queueRedis, pool, stock, logger, registers }));
  const auditMetrics = createAuditMetrics(registers);
  own(
    'audit',
    watchBooks({
      ...{ stock, store, leadership, logger },
      deadLetters: () => failedOrderIds(queue),
      money: createMoneyBooks(pool),
      onAudit: auditMetrics.audited,
      onPass: auditMetrics.passed,
      everyMs: config.SECKILL_AUDIT_EVERY_MS,
    }),
  );
  const swept = new Counter({
    name: 'seckill_sweeper_finished_total',
    help: 'Reservations held too long that the sweeper finished, by what it did',
    labelNames: ['outcome'],
    registers,
  });
  own(
    'sweeper',
    startSweeper({
      ...{ stock, store, queue, logger, now: Date.now },
      onSwept: (outcome, count) => swept.inc({ outcome }, count),
    }),
  );
  const seal = createSeal(config.SECKILL_PERSONAL_KEYS ?? []);
  own(
    'subscribers',
    startSubscribers({
      ...{ registry, logger, now: Date.now, random: Math.random },
      pool: subscribersPool,
      seal,
      connection: queueRedis,
    }),
  );
  const outbox = own(
    'outbox',
    startOutbox({ consumer: 'stock', pool, logger, tell: createTellStock({ stock, store, logger }) }),
  );
  const provider = own('payment provider', await config.provider.open());
  const findOwnOrder = createFindOwnOrder({
    authenticate: createAuthenticate(config.SECKILL_SESSION_SECRET, { shop: shopSignInOf(config), logger }),
    findOrder: createFindOrder({ pool: moneyPool, stock }),
  });
  const details = startDetails({
    ...{ own, findOwnOrder, logger, registers },
    pool: moneyPool,
    seal,
    onGiven: outbox.nudge,
  });
  const handOverSecret = config.SECKILL_HAND_OVER_SECRET;
  const handOver = startHandOver({
    ...{ stock, logger, registers, now: Date.now, newId: randomUUID },
    pool: moneyPool,
    detailsOf: details.store.of,
    settings: {
      SECKILL_HAND_OVER_KEY: config.SECKILL_HAND_OVER_KEY,
      SECKILL_HAND_OVER_SECRET: handOverSecret === undefined ? undefined : parseWebhookSecrets(handOverSecret),
      SECKILL_PUBLIC_URL: config.SECKILL_PUBLIC_URL,
    },
    onMoved: outbox.nudge,
  });
  const money = startMoney({
    ...{ own, provider, findOwnOrder, logger, registers, now: Date.now, random: Math.random },
    isDetailsMissing: details.store.isMissing,
    pool: moneyPool,
    connection: queueRedis,
    deadlineMs: config.SECKILL_PAYMENT_DEADLINE_MS,
    checkAfterMs: config.SECKILL_PAYMENT_CHECK_AFTER_MS,
    publicUrl: config.SECKILL_PUBLIC_URL ?? null,
    toCheckout: handOver.toCheckout,
    refunds: {
      tries: config.SECKILL_REFUND_TRIES,
      firstMs: config.SECKILL_REFUND_FIRST_WAIT_MS,
      longestMs: config.SECKILL_REFUND_LONGEST_WAIT_MS,
    },
    onMoved: outbox.nudge,
  });
  const expiring = startExpiring({
    ...{ own, queueRedis, logger },
    pool: expiryPool,
    metrics: createExpiryMetrics(registers),
    onExpired: outbox.nudge,
  });
  startDraining({
    ...{ own, instance, queueRedis, queue, zookeeper, store, stock, logger, registers, tracing },
    onStoredOrders: expiring.onStored,
    canSealDetails: seal !== null,
  });

  const app = createProblemApp([...money.apps, ...handOver.apps, details.app], (error, request) =>
    warn(error, 'a request failed', describeRequest(request)),
  );
  const server = own('server', createServer(getRequestListener(app.fetch)), closeServer);
  await listenForNginx(server, config.SECKILL_LISTEN);

  const token = config.SECKILL_CONSOLE_TOKEN;
  const ops = { pool: opsPool, queueRedis: opsRedis, zookeeper, stock, store: createOrderStore(opsPool), logger };
  await startInnerServer({
    server: inner,
    address: config.SECKILL_INNER_LISTEN,
    registry,
    ready: {
      postgres: postgresReady(pool),
      schema: schemaReady(pool, databaseSchema, logger),
      'stock redis': redisReady(stockRedis),
      'queue redis': redisReady(queueRedis),
    },
    ...(token === undefined ? {} : { pages: startOps({ ...ops, token }) }),
  });
});
