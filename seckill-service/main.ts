import { createServer } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { Queue } from 'bullmq';
import type { ServiceNode } from '#contract/edge-stream.ts';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { settings } from '#contract/settings.ts';
import { parseTicketKeys } from '#contract/ticket.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { readConfig } from '#runtime/config.ts';
import { watchConnections } from '#runtime/connection-metrics.ts';
import { followSetting } from '#runtime/follow-setting.ts';
import { startInnerServer } from '#runtime/inner-server.ts';
import { closeServer, listen } from '#runtime/listen.ts';
import { createLogger, createThrottledWarn } from '#runtime/logger.ts';
import { startLoop } from '#runtime/loop.ts';
import { runMain } from '#runtime/main.ts';
import { createRegistry } from '#runtime/metrics.ts';
import { connectPostgres } from '#runtime/postgres.ts';
import { connectRedis, disconnectRedis, redisReady } from '#runtime/redis.ts';
import { closeOnSignal } from '#runtime/shutdown.ts';
import { startTracing } from '#runtime/tracing.ts';
import { connectZooKeeper } from '#runtime/zookeeper.ts';
import { standForLeader } from '#runtime/zookeeper-leader.ts';
import { keepPresence } from '#runtime/zookeeper-presence.ts';
import { createCatalogue } from '#sales/catalogue.ts';
import { createSaleMetrics } from '#sales/metrics.ts';
import { publishState } from '#sales/publish-state.ts';
import { followPublishedSales } from '#sales/published-sales.ts';
import { startReconciler } from '#sales/reconciler.ts';
import { createRollbackGuard } from '#sales/rollback-guard.ts';
import { watchSaleGauges } from '#sales/sale-gauges.ts';
import { listenForSaleNews } from '#sales/sale-news.ts';
import { watchShedding } from '#sales/watch-shedding.ts';
import { createStock } from '#stock/create-stock.ts';
import { reserveInBatches } from '#stock/reserve-batch.ts';
import { createGate } from './purchase/gate.ts';
import { createPurchaseListener } from './purchase/listener.ts';
import { createPurchaseMetrics } from './purchase/metrics.ts';
import { createPurchase } from './purchase/purchase.ts';
import { warmUp } from './purchase/warm-up.ts';
import { createAddOrders } from './relay/add-orders.ts';
import { watchRelayLag } from './relay/lag.ts';
import { createRelayMetrics } from './relay/metrics.ts';
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
      'SECKILL_TICKET_KEYS_FILE',
      'SECKILL_LOG_LEVEL',
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      'OTEL_TRACES_SAMPLER_ARG',
    ],
    environment,
  );
  const instance = config.SECKILL_INSTANCE;
  const logger = createLogger({ service: 'seckill-service', instance, level: config.SECKILL_LOG_LEVEL });
  const warn = createThrottledWarn(logger);
  const ticketKeys = await followSetting({
    name: 'SECKILL_TICKET_KEYS',
    value: config.SECKILL_TICKET_KEYS,
    file: config.SECKILL_TICKET_KEYS_FILE,
    parse: parseTicketKeys,
    logger,
  });

  const tracing = await startTracing({
    endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
    ratio: config.OTEL_TRACES_SAMPLER_ARG,
    service: 'seckill-service',
    instance,
    logger,
  });

  const registry = createRegistry();
  const registers = [registry];
  const purchaseMetrics = createPurchaseMetrics(registers);
  const relayMetrics = createRelayMetrics(registers);
  const saleMetrics = createSaleMetrics(registers);

  const hot = connectRedis('hot', config.SECKILL_STOCK_REDIS_URL, logger);
  const patient = connectRedis('patient', config.SECKILL_STOCK_REDIS_URL, logger);
  const queueRedis = connectRedis('queue', config.SECKILL_QUEUE_REDIS_URL, logger);
  const listening = connectRedis('listening', config.SECKILL_STOCK_REDIS_URL, logger);
  const zookeeper = connectZooKeeper({ connection: config.SECKILL_ZOOKEEPER, logger });
  const pool = connectPostgres(config.SECKILL_DATABASE_URL, logger, { max: 2 });

  const queue = new Queue(queueNames.orders, { connection: queueRedis, prefix: queuePrefix });
  queue.on('error', (error) => warn(error, 'queue'));
  const patientStock = createStock(patient);
  const relay = startRelay({
    redis: patient,
    queue,
    addOrders: createAddOrders(queueRedis, queueNames.orders),
    sales: () => patientStock.sales(),
    instance,
    logger,
    onMoved: (count) => relayMetrics.moved.inc(count),
    tracing,
  });
  const lag = watchRelayLag({
    redis: patient,
    sales: () => patientStock.sales(),
    now: Date.now,
    logger,
    onLag: relayMetrics.lags,
    onGone: relayMetrics.forget,
  });
  const catalogue = createCatalogue(pool);
  const leadership = standForLeader({ zookeeper, path: zookeeperPaths.leader('reconciler'), instance, logger });
  const published = followPublishedSales({ zookeeper, logger });
  const reconciler = startReconciler({
    stock: patientStock,
    catalogue,
    zookeeper,
    published,
    leadership,
    logger,
  });
  const news = listenForSaleNews({ redis: listening, logger, onNews: reconciler.heard });

  const hotStock = createStock(hot);
  const guard = createRollbackGuard({
    catalogue,
    zookeeper,
    logger,
    onRollback: (saleId) => saleMetrics.rollbacks.inc({ sale: saleId }),
  });
  const gate = createGate({
    redis: hot,
    stock: { clock: hotStock.clock, reserve: reserveInBatches(hotStock) },
    // Over the very connection that is to be opened: another one may lead to another server.
    verify: () => guard.check(hotStock, { needsWitness: true }),
    logger,
  });
  const presence = keepPresence({
    zookeeper,
    path: zookeeperPaths.service(instance),
    logger,
    data: () => {
      const keyIds = ticketKeys.get().map(({ id }) => id);
      const node: ServiceNode = { instance, keyIds, gate: gate.isOpen() ? 'open' : 'closed' };
      return Buffer.from(JSON.stringify(node));
    },
  });
  ticketKeys.onChange(presence.nudge);
  watchConnections(registers, {
    'stock redis': () => gate.isOpen(),
    'queue redis': () => queueRedis.status === 'ready',
    zookeeper: () => zookeeper.ready() === null,
  });
  const saleGauges = watchSaleGauges({
    stock: patientStock,
    logger,
    onSale: (saleId, sale) => {
      saleMetrics.saw(saleId, sale);
      if (sale.state === 'paused' && sale.fault !== null) guard.forget(saleId);
    },
    onGone: saleMetrics.forget,
  });
  const watchdog = startLoop({
    name: 'rollback check',
    everyMs: 2000,
    logger,
    pass: async () => {
      if (leadership.isLeader()) await guard.check(patientStock, { published });
      return 'idle';
    },
  });

  const shedding = watchShedding({
    zookeeper,
    logger,
    onShed: (seconds) => saleMetrics.shedSeconds.observe(seconds),
  });
  const purchase = createPurchase({
    stock: gate,
    ticketKeys: ticketKeys.get,
    now: Date.now,
    wait: async (ms) => void (await wait(ms)),
    onAccepted: (saleId, place, orderId) => {
      guard.sawOrder(saleId, place, orderId);
      relay.nudge(saleId);
    },
    onSoldOut: (saleId, epoch) => {
      shedding(saleId, epoch);
      // The reconciler repairs what fails here; the shopper's answer does not wait for it.
      publishState(zookeeper, saleId, { state: 'sold_out', epoch }).then(
        (outcome) => logger.info({ saleId, epoch, outcome }, 'sold out'),
        (error: unknown) => warn(error, 'publishing sold out'),
      );
    },
  });
  await warmUp({ purchase, isOpen: gate.isOpen, ticketKeys: ticketKeys.get, logger });
  const server = createServer(
    createPurchaseListener({ purchase, logger, onAnswer: purchaseMetrics.answered, tracing }),
  );
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
      { name: 'ticket keys', close: ticketKeys.close },
      { name: 'presence', close: presence.close },
      { name: 'relay', close: relay.close },
      { name: 'relay lag', close: lag.close },
      { name: 'sale gauges', close: saleGauges.close },
      { name: 'news', close: news.close },
      { name: 'reconciler', close: reconciler.close },
      { name: 'published sales', close: published.close },
      { name: 'rollback check', close: watchdog.close },
      { name: 'leadership', close: leadership.close },
      { name: 'inner server', close: () => inner.close() },
      { name: 'traces', close: () => tracing?.close() },
      { name: 'zookeeper', close: zookeeper.close },
      { name: 'connections', close: () => disconnectRedis(hot, patient, listening, queueRedis) },
      { name: 'postgres', close: () => pool.end() },
    ],
    logger,
  );
});
