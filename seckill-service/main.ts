import { createServer } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import { Queue } from 'bullmq';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { settings } from '#contract/settings.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { readConfig } from '#runtime/config.ts';
import { startInnerServer } from '#runtime/inner-server.ts';
import { closeServer, listen } from '#runtime/listen.ts';
import { createLogger, createThrottledWarn } from '#runtime/logger.ts';
import { startLoop } from '#runtime/loop.ts';
import { runMain } from '#runtime/main.ts';
import { Counter, createRegistry, Gauge } from '#runtime/metrics.ts';
import { connectPostgres } from '#runtime/postgres.ts';
import { connectRedis, disconnectRedis, redisReady } from '#runtime/redis.ts';
import { closeOnSignal } from '#runtime/shutdown.ts';
import { connectZooKeeper } from '#runtime/zookeeper.ts';
import { standForLeader } from '#runtime/zookeeper-leader.ts';
import { createCatalogue } from '#sales/catalogue.ts';
import { publishState } from '#sales/publish-state.ts';
import { startReconciler } from '#sales/reconciler.ts';
import { createRollbackGuard } from '#sales/rollback-guard.ts';
import { createStock } from '#stock/stock.ts';
import { createPurchaseApp } from './purchase/app.ts';
import { createGate } from './purchase/gate.ts';
import { createPurchase } from './purchase/purchase.ts';
import { watchRelayLag } from './relay/lag.ts';
import { startRelay } from './relay/relay.ts';

await runMain('seckill-service', async (environment) => {
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
      'SECKILL_TICKET_KEYS',
      'SECKILL_LOG_LEVEL',
    ],
    environment,
  );
  const instance = config.SECKILL_INSTANCE;
  const logger = createLogger({ service: 'seckill-service', instance, level: config.SECKILL_LOG_LEVEL });
  const warn = createThrottledWarn(logger);

  const registry = createRegistry();
  const purchases = new Counter({
    name: 'seckill_purchases_total',
    help: 'Purchases answered by this process, by outcome',
    labelNames: ['outcome'],
    registers: [registry],
  });
  const outboxEntries = new Gauge({
    name: 'seckill_outbox_entries',
    help: 'Accepted orders that no relay has moved to the queue yet',
    labelNames: ['sale'],
    registers: [registry],
  });
  const relayLag = new Gauge({
    name: 'seckill_relay_lag_seconds',
    help: 'Age of the oldest accepted order in the outbox, 0 when it is empty',
    labelNames: ['sale'],
    registers: [registry],
  });
  const relayed = new Counter({
    name: 'seckill_relay_moved_total',
    help: 'Outbox entries that this process moved to the queue',
    registers: [registry],
  });

  const rollbacks = new Counter({
    name: 'seckill_rollbacks_total',
    help: 'Sales that were paused because stock Redis came back with an older past',
    labelNames: ['sale'],
    registers: [registry],
  });

  const hot = connectRedis('hot', config.SECKILL_STOCK_REDIS_URL, logger);
  const patient = connectRedis('patient', config.SECKILL_STOCK_REDIS_URL, logger);
  const queueRedis = connectRedis('queue', config.SECKILL_QUEUE_REDIS_URL, logger);
  const zookeeper = connectZooKeeper({ connection: config.SECKILL_ZOOKEEPER, logger });
  const pool = connectPostgres(config.SECKILL_DATABASE_URL, logger, { max: 2 });

  const queue = new Queue(queueNames.orders, { connection: queueRedis, prefix: queuePrefix });
  queue.on('error', (error) => warn(error, 'queue'));
  const patientStock = createStock(patient);
  const relay = startRelay({
    redis: patient,
    queue,
    sales: () => patientStock.sales(),
    instance,
    logger,
    onMoved: (count) => relayed.inc(count),
  });
  const lag = watchRelayLag({
    redis: patient,
    sales: () => patientStock.sales(),
    now: Date.now,
    logger,
    onLag: ({ saleId, entries, oldestMs }) => {
      outboxEntries.set({ sale: saleId }, entries);
      relayLag.set({ sale: saleId }, oldestMs / 1000);
    },
  });
  const catalogue = createCatalogue(pool);
  const leadership = standForLeader({ zookeeper, path: zookeeperPaths.leader('reconciler'), instance, logger });
  const reconciler = startReconciler({
    stock: patientStock,
    catalogue,
    zookeeper,
    leadership,
    logger,
  });

  const hotStock = createStock(hot);
  const guard = createRollbackGuard({
    catalogue,
    zookeeper,
    logger,
    onRollback: (saleId) => rollbacks.inc({ sale: saleId }),
  });
  const gate = createGate({
    redis: hot,
    stock: hotStock,
    // Over the very connection that is to be opened: another one may lead to another server.
    verify: () => guard.check(hotStock, { needsWitness: true }),
    logger,
  });
  const watchdog = startLoop({
    name: 'rollback check',
    everyMs: 2000,
    logger,
    pass: async () => {
      if (leadership.isLeader()) await guard.check(patientStock);
      return 'idle';
    },
  });

  const purchase = createPurchase({
    stock: gate,
    ticketKeys: config.SECKILL_TICKET_KEYS,
    now: Date.now,
    wait: async (ms) => void (await wait(ms)),
    onAccepted: (saleId, place) => {
      guard.sawPlace(saleId, place);
      relay.nudge(saleId);
    },
    onSoldOut: (saleId, epoch) => {
      // The reconciler repairs what fails here; the shopper's answer does not wait for it.
      publishState(zookeeper, saleId, { state: 'sold_out', epoch }).then(
        (outcome) => logger.info({ saleId, epoch, outcome }, 'sold out'),
        (error: unknown) => warn(error, 'publishing sold out'),
      );
    },
  });
  const app = createPurchaseApp({ purchase, logger, onAnswer: (outcome) => purchases.inc({ outcome }) });
  const server = createServer(getRequestListener(app.fetch));
  server.keepAliveTimeout = 75_000; // longer than nginx keeps its idle connections, so it never meets a closing one
  await listen(server, config.SECKILL_LISTEN);

  const inner = await startInnerServer({
    address: config.SECKILL_INNER_LISTEN,
    registry,
    ready: {
      'stock redis': redisReady(hot),
      gate: () => (gate.isOpen() ? null : 'stock Redis is not verified yet'),
    },
  });
  logger.info({ listen: config.SECKILL_LISTEN }, 'ready');

  closeOnSignal(
    [
      { name: 'server', close: () => closeServer(server) },
      { name: 'relay', close: relay.close },
      { name: 'relay lag', close: lag.close },
      { name: 'reconciler', close: reconciler.close },
      { name: 'rollback check', close: watchdog.close },
      { name: 'leadership', close: leadership.close },
      { name: 'inner server', close: () => inner.close() },
      { name: 'zookeeper', close: zookeeper.close },
      { name: 'connections', close: () => disconnectRedis(hot, patient, queueRedis) },
      { name: 'postgres', close: () => pool.end() },
    ],
    logger,
  );
});
