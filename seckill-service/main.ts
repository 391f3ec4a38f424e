import { createServer } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { databaseSchema } from '#contract/database-schema.ts';
import type { ServiceNode } from '#contract/edge-stream.ts';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { settings, stockReplicas } from '#contract/settings.ts';
import { parseTicketKeys } from '#contract/ticket.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import type { Own } from '#runtime/belongings.ts';
import { readConfig } from '#runtime/config.ts';
import { watchConnections } from '#runtime/connection-metrics.ts';
import { followSetting } from '#runtime/follow-setting.ts';
import { startInnerServer } from '#runtime/inner-server.ts';
import { closeServer, listenForNginx, stopListening } from '#runtime/listen.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { createRegistry } from '#runtime/metrics.ts';
import { connectPostgres } from '#runtime/postgres/connect.ts';
import { schemaReady } from '#runtime/postgres/schema-ready.ts';
import { connectRedis, disconnectRedis, redisReady } from '#runtime/redis/connect.ts';
import { countFailovers } from '#runtime/redis/failover-metric.ts';
import { runService } from '#runtime/service.ts';
import { startTracing } from '#runtime/tracing.ts';
import { connectZooKeeper } from '#runtime/zookeeper/client.ts';
import { standForLeader } from '#runtime/zookeeper/leader.ts';
import { keepPresence } from '#runtime/zookeeper/presence.ts';
import { keepProtected } from '#runtime/zookeeper/protection.ts';
import { createCatalogue } from '#sales/catalogue.ts';
import { keepSales } from '#sales/keep-sales.ts';
import { createSaleMetrics } from '#sales/metrics.ts';
import { publishState } from '#sales/publish-state.ts';
import { watchShedding } from '#sales/watch-shedding.ts';
import { createStock } from '#stock/create-stock.ts';
import { createBarrierMetrics } from '#stock/metrics.ts';
import { reserveInBatches } from '#stock/reserve-batch.ts';
import { reserveInGroups } from '#stock/reserve-groups.ts';
import { createDecide } from './purchase/decide.ts';
import { createGate } from './purchase/gate.ts';
import { asksForLink, createLinks } from './purchase/link.ts';
import { createPurchaseListener } from './purchase/listener.ts';
import { createPurchaseMetrics } from './purchase/metrics.ts';
import { createPurchase } from './purchase/purchase.ts';
import { warmUp } from './purchase/warm-up.ts';
import { startRelaying } from './relay/start-relaying.ts';
import { missingReplicas, watchStockReplicas } from './servers/stock-replicas.ts';
import { watchZooKeeperServers } from './servers/zookeeper-servers.ts';

type Config = ReturnType<typeof readSettings>;
const readSettings = (environment: Record<string, string | undefined>) =>
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
      'SECKILL_TICKET_KEYS',
      'SECKILL_TICKET_KEYS_FILE',
      'SECKILL_LOG_LEVEL',
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      'OTEL_TRACES_SAMPLER_ARG',
    ],
    environment,
  );

function openConnections(own: Own, config: Config, logger: Logger) {
  const redis = (name: string, kind: Parameters<typeof connectRedis>[0], url: string) =>
    own(name, connectRedis(kind, url, logger), disconnectRedis);
  return {
    pool: own('postgres', connectPostgres(config.SECKILL_DATABASE_URL, logger, { max: 2 }), (pool) => pool.end()),
    hot: redis('stock redis, hot', 'hot', config.SECKILL_STOCK_REDIS_URL),
    patient: redis('stock redis, patient', 'patient', config.SECKILL_STOCK_REDIS_URL),
    listening: redis('stock redis, listening', 'listening', config.SECKILL_STOCK_REDIS_URL),
    queueRedis: redis('queue redis', 'queue', config.SECKILL_QUEUE_REDIS_URL),
    zookeeper: own(
      'zookeeper',
      connectZooKeeper({ connection: config.SECKILL_ZOOKEEPER, auth: config.SECKILL_ZOOKEEPER_AUTH, logger }),
    ),
  };
}

await runService('seckill-service', readSettings, async ({ config, logger, own }) => {
  const instance = config.SECKILL_INSTANCE;
  const warn = createThrottledWarn(logger);
  const registry = createRegistry();
  const registers = [registry];
  const ticketKeys = own(
    'ticket keys',
    await followSetting({
      name: 'SECKILL_TICKET_KEYS',
      value: config.SECKILL_TICKET_KEYS,
      file: config.SECKILL_TICKET_KEYS_FILE,
      parse: parseTicketKeys,
      logger,
    }),
  );
  const { pool, hot, patient, listening, queueRedis, zookeeper } = openConnections(own, config, logger);
  const tracing = own(
    'traces',
    await startTracing({
      endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
      ratio: config.OTEL_TRACES_SAMPLER_ARG,
      service: 'seckill-service',
      instance,
      logger,
    }),
    (it) => it?.close(),
  );
  const inner = own('inner server', createServer(), stopListening); // answers until all that it shows is closed

  const leadership = own(
    'leadership',
    standForLeader({ zookeeper, path: zookeeperPaths.leader('reconciler'), instance, logger }),
  );
  if (config.SECKILL_ZOOKEEPER_AUTH !== undefined) {
    own('zookeeper protection', keepProtected({ zookeeper, root: zookeeperPaths.root, leadership, logger }));
  }
  const barrier = { replicas: stockReplicas(config), onBarrier: createBarrierMetrics(registers) };
  const patientStock = createStock(patient, barrier);
  const saleMetrics = createSaleMetrics(registers);
  const { guard, published } = keepSales({
    ...{ own, listening, zookeeper, leadership, logger },
    stock: patientStock,
    catalogue: createCatalogue(pool),
    metrics: saleMetrics,
  });
  const queue = new Queue(queueNames.orders, { connection: queueRedis, prefix: queuePrefix });
  queue.on('error', (error) => warn(error, 'queue'));
  const relay = startRelaying({
    ...{ own, queue, instance, logger, registers, tracing, ...barrier },
    redis: patient,
    stock: patientStock,
  });

  const hotStock = createStock(hot, barrier);
  const gate = createGate({
    redis: hot,
    stock: {
      clock: hotStock.clock,
      reserve: barrier.replicas === 0 ? reserveInBatches(hotStock) : reserveInGroups(hotStock),
    },
    // Over the very connection that is to be opened: another one may lead to another server.
    verify: async () => {
      const missing = await missingReplicas(hot, barrier.replicas);
      if (missing !== null) throw new Error(missing);
      await guard.check(hotStock, { needsWitness: true });
    },
    logger,
  });
  watchConnections(registers, {
    'stock redis': () => gate.isOpen(),
    'queue redis': () => queueRedis.status === 'ready',
    zookeeper: () => zookeeper.ready() === null,
  });
  countFailovers(registers, {
    'stock redis': config.SECKILL_STOCK_REDIS_URL,
    'queue redis': config.SECKILL_QUEUE_REDIS_URL,
  });

  const servers = { registers, logger };
  own('stock replicas', watchStockReplicas({ redis: patient, asked: stockReplicas(config), ...servers }), (it) =>
    it?.close(),
  );
  own('zookeeper servers', watchZooKeeperServers({ connection: config.SECKILL_ZOOKEEPER, ...servers }));

  const presence = own(
    'presence',
    keepPresence({
      zookeeper,
      path: zookeeperPaths.service(instance),
      logger,
      data: () => {
        const keyIds = ticketKeys.get().map(({ id }) => id);
        const node: ServiceNode = { instance, keyIds, gate: gate.isOpen() ? 'open' : 'closed' };
        return Buffer.from(JSON.stringify(node));
      },
    }),
  );
  ticketKeys.onChange(presence.nudge);

  const onShed = (seconds: number) => saleMetrics.shedSeconds.observe(seconds);
  const shedding = watchShedding({ zookeeper, logger, onShed });
  const purchase = createPurchase({
    stock: { reserve: gate.reserve, shown: hotStock.shown },
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
      publishState(zookeeper, saleId, { state: 'sold_out', epoch }, published.seen(saleId)).then(
        (outcome) => logger.info({ saleId, epoch, outcome }, 'sold out'),
        (error: unknown) => warn(error, 'publishing sold out'),
      );
    },
  });
  await warmUp({ purchase, isOpen: gate.isOpen, ticketKeys: ticketKeys.get, logger });
  const onAnswer = createPurchaseMetrics(registers).answered;
  const decide = createDecide({ purchase, logger, onAnswer, tracing });
  const server = createServer({ shouldUpgradeCallback: asksForLink }, createPurchaseListener(decide));
  const links = createLinks(server, { decide, logger });
  own('server', server, (it) => {
    links.leave();
    return closeServer(it);
  });
  await listenForNginx(server, config.SECKILL_LISTEN);
  await startInnerServer({
    server: inner,
    address: config.SECKILL_INNER_LISTEN,
    registry,
    ready: {
      'stock redis': redisReady(hot, () => missingReplicas(hot, barrier.replicas)),
      gate: () => (gate.isOpen() ? null : 'stock Redis is not verified yet'),
      schema: schemaReady(pool, databaseSchema, logger),
    },
  });
});
