import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { type EdgeNode, nothingApplied } from '#contract/edge-stream.ts';
import { describeRequest } from '#contract/origin.ts';
import { createProblemApp } from '#contract/problem-app.ts';
import { createAuthenticate, shopSignInOf } from '#contract/session.ts';
import { settings } from '#contract/settings.ts';
import { parseTicketKeys } from '#contract/ticket.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { readConfig } from '#runtime/config.ts';
import { watchConnections } from '#runtime/connection-metrics.ts';
import { followSetting } from '#runtime/follow-setting.ts';
import { startInnerServer } from '#runtime/inner-server.ts';
import { closeServer, listen } from '#runtime/listen.ts';
import { createLogger, createThrottledWarn } from '#runtime/logger.ts';
import { runMain } from '#runtime/main.ts';
import { createRegistry, Gauge } from '#runtime/metrics.ts';
import { connectPostgres } from '#runtime/postgres.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis.ts';
import { closeOnSignal } from '#runtime/shutdown.ts';
import { connectZooKeeper } from '#runtime/zookeeper.ts';
import { keepPresence } from '#runtime/zookeeper-presence.ts';
import { followObeyedSales } from './agent/obeyed-sales.ts';
import { startAgent } from './agent/stream.ts';
import { watchSettings } from './agent/watch-settings.ts';
import { createAnswerTimes } from './answer-times.ts';
import { readConsoleConfig } from './console/console-config.ts';
import { startConsole } from './console/start-console.ts';
import { createInnerAssets } from './inner/inner-assets.ts';
import { startOrders } from './orders/start-orders.ts';
import { createReferenceApp } from './reference/app.ts';
import { createEdgeSaleApp } from './sales/edge-sales.ts';
import { createSaleFinder } from './sales/find-sales.ts';
import { createChallenges } from './tickets/challenge.ts';
import { createTicketApp } from './tickets/issue.ts';
import { createSessionApp } from './tickets/session.ts';

await runMain('gateway', async (environment) => {
  const config = readConfig(
    settings,
    [
      'SECKILL_INSTANCE',
      'SECKILL_LISTEN',
      'SECKILL_INNER_LISTEN',
      'SECKILL_AGENT_SOCKET',
      'SECKILL_EDGE_ID',
      'SECKILL_STOCK_REDIS_URL',
      'SECKILL_CACHE_REDIS_URL',
      'SECKILL_ZOOKEEPER',
      'SECKILL_DATABASE_URL',
      'SECKILL_TICKET_KEYS',
      'SECKILL_TICKET_KEYS_FILE',
      'SECKILL_TICKET_TTL_SECONDS',
      'SECKILL_SESSION_SECRET',
      'SECKILL_SIGN_IN_JWKS_URL',
      'SECKILL_SIGN_IN_ISSUER',
      'SECKILL_SIGN_IN_AUDIENCE',
      'SECKILL_CHALLENGE_SECRET',
      'SECKILL_DEMO_SIGN_IN',
      'SECKILL_ORDER_STREAMS',
      'SECKILL_LOG_LEVEL',
    ],
    environment,
  );
  const consoleConfig = readConsoleConfig(environment);
  const logger = createLogger({
    service: 'gateway',
    instance: config.SECKILL_INSTANCE,
    level: config.SECKILL_LOG_LEVEL,
  });
  const registry = createRegistry();
  const ticketKeys = await followSetting({
    name: 'SECKILL_TICKET_KEYS',
    value: config.SECKILL_TICKET_KEYS,
    file: config.SECKILL_TICKET_KEYS_FILE,
    parse: parseTicketKeys,
    logger,
  });

  const zookeeper = connectZooKeeper({ connection: config.SECKILL_ZOOKEEPER, logger });
  const redis = connectRedis('hot', config.SECKILL_STOCK_REDIS_URL, logger);
  const listening = connectRedis('listening', config.SECKILL_STOCK_REDIS_URL, logger);
  const cacheRedis = connectRedis('hot', config.SECKILL_CACHE_REDIS_URL, logger);
  const pool = connectPostgres(config.SECKILL_DATABASE_URL, logger, { max: 4 });

  const sales = followObeyedSales({ zookeeper, logger });
  let newsAt = new Date();
  const edgeId = config.SECKILL_EDGE_ID;
  const tellNews = () => {
    newsAt = new Date();
    presence.nudge();
  };
  const agent = await startAgent({
    socketPath: config.SECKILL_AGENT_SOCKET,
    sales,
    settings: watchSettings({ zookeeper, logger }),
    ticketKeys,
    logger,
    onNews: tellNews,
  });
  ticketKeys.onChange(tellNews);
  const presence = keepPresence({
    zookeeper,
    path: zookeeperPaths.edge(edgeId),
    logger,
    data: () => {
      const node: EdgeNode = {
        edgeId,
        ...(agent.applied() ?? nothingApplied),
        appliedAt: newsAt.toISOString(),
        silentSince: agent.silentSince()?.toISOString() ?? null,
        gatewayKeyIds: ticketKeys.get().map(({ id }) => id),
      };
      return Buffer.from(JSON.stringify(node));
    },
  });
  const connectedEdges: Gauge = new Gauge({
    name: 'seckill_agent_edge_connected',
    help: '1 while our nginx follows the stream',
    registers: [registry],
    collect: () => {
      connectedEdges.set(agent.connected() ? 1 : 0);
    },
  });

  watchConnections([registry], {
    'stock redis': () => redis.status === 'ready',
    'cache redis': () => cacheRedis.status === 'ready',
    zookeeper: () => zookeeper.ready() === null,
  });
  const authenticate = createAuthenticate(config.SECKILL_SESSION_SECRET, shopSignInOf(config));
  const warn = createThrottledWarn(logger);
  const orders = startOrders({
    redis,
    listening,
    pool,
    zookeeper,
    authenticate,
    logger,
    registers: [registry],
    mostStreams: config.SECKILL_ORDER_STREAMS,
  });
  const app = createProblemApp(
    [
      createSessionApp({
        secret: config.SECKILL_SESSION_SECRET,
        demoSignIn: config.SECKILL_DEMO_SIGN_IN === 'on',
        now: Date.now,
      }),
      createTicketApp({
        findSale: sales.get,
        knowsAll: sales.isComplete,
        challenges: createChallenges(config.SECKILL_CHALLENGE_SECRET),
        authenticate,
        ticketKeys: ticketKeys.get,
        ticketTtlMs: config.SECKILL_TICKET_TTL_SECONDS * 1000,
        now: Date.now,
      }),
      ...orders.apps,
      createEdgeSaleApp({ find: createSaleFinder({ redis, pool, logger }), cache: cacheRedis, logger }),
    ],
    // Throttled: an outage makes one of these for every poll.
    (error, request) => warn(error, 'a request failed', describeRequest(request)),
    createAnswerTimes([registry]),
  );
  const server = createServer(getRequestListener(app.fetch));
  server.keepAliveTimeout = 75_000; // longer than nginx keeps its idle connections, so it never meets a closing one
  await listen(server, config.SECKILL_LISTEN);

  const assets = createInnerAssets();
  const innerPages = new Hono().route('/', createReferenceApp(assets));
  const opsConsole =
    consoleConfig === null
      ? null
      : startConsole({ config: consoleConfig, assets, redis, pool, zookeeper, sales: sales.all, logger });
  if (opsConsole !== null) innerPages.route('/', opsConsole.app);
  const inner = await startInnerServer({
    address: config.SECKILL_INNER_LISTEN,
    registry,
    ready: { sales: () => (sales.isComplete() ? null : 'not read from zookeeper yet') },
    pages: { paths: opsConsole === null ? ['/reference'] : ['/reference', '/console'], fetch: innerPages.fetch },
  });
  logger.info({ listen: config.SECKILL_LISTEN }, 'ready');

  closeOnSignal(
    [
      { name: 'orders', close: orders.close },
      { name: 'server', close: () => closeServer(server) },
      { name: 'ticket keys', close: ticketKeys.close },
      { name: 'agent', close: agent.close },
      { name: 'presence', close: presence.close },
      { name: 'console', close: () => opsConsole?.close() },
      { name: 'inner server', close: () => inner.close() },
      { name: 'zookeeper', close: zookeeper.close },
      { name: 'redis', close: () => disconnectRedis(redis, listening, cacheRedis) },
      { name: 'postgres', close: () => pool.end() },
    ],
    logger,
  );
});
