import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { databaseSchema } from '#contract/database-schema.ts';
import { describeRequest } from '#contract/origin.ts';
import { settings, stockReplicas } from '#contract/settings.ts';
import { parseTicketKeys } from '#contract/ticket.ts';
import { createAuthenticate, type ShopSignIn, shopSignInOf } from '#http/authenticate.ts';
import { createBareRoutes } from '#http/bare-routes.ts';
import { keepShopKeys } from '#http/keep-shop-keys.ts';
import { createProblemApp } from '#http/problem-app.ts';
import { createShopKeys, type ShopKeys } from '#http/shop-keys.ts';
import type { Own } from '#runtime/belongings.ts';
import { readConfig } from '#runtime/config.ts';
import { watchConnections } from '#runtime/connection-metrics.ts';
import { followSetting } from '#runtime/follow-setting.ts';
import { type InnerPages, startInnerServer } from '#runtime/inner-server.ts';
import { closeServer, listenForNginx, stopListening } from '#runtime/listen.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { createRegistry } from '#runtime/metrics.ts';
import { connectPostgres } from '#runtime/postgres/connect.ts';
import { schemaReady } from '#runtime/postgres/schema-ready.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { countFailovers } from '#runtime/redis/failover-metric.ts';
import { runService } from '#runtime/service.ts';
import { connectZooKeeper } from '#runtime/zookeeper/client.ts';
import { followEdgeOffice } from './agent/edge-office.ts';
import { followObeyedSales } from './agent/obeyed-sales.ts';
import { startEdgeAgent } from './agent/start-edge-agent.ts';
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
import { createSession } from './tickets/session.ts';

type Config = ReturnType<typeof readSettings>;
const readSettings = (environment: Record<string, string | undefined>) => ({
  ...readConfig(
    settings,
    [
      'SECKILL_INSTANCE',
      'SECKILL_LISTEN',
      'SECKILL_INNER_LISTEN',
      'SECKILL_AGENT_SOCKET',
      'SECKILL_EDGE_ID',
      'SECKILL_STOCK_REDIS_URL',
      'SECKILL_STOCK_REPLICAS',
      'SECKILL_CACHE_REDIS_URL',
      'SECKILL_ZOOKEEPER',
      'SECKILL_ZOOKEEPER_AUTH',
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
  ),
  console: readConsoleConfig(environment),
});

function openConnections(own: Own, config: Config, logger: Logger) {
  const redis = (name: string, kind: Parameters<typeof connectRedis>[0], url: string) =>
    own(name, connectRedis(kind, url, logger), disconnectRedis);
  return {
    pool: own('postgres', connectPostgres(config.SECKILL_DATABASE_URL, logger, { max: 4 }), (pool) => pool.end()),
    redis: redis('stock redis, hot', 'hot', config.SECKILL_STOCK_REDIS_URL),
    listening: redis('stock redis, listening', 'listening', config.SECKILL_STOCK_REDIS_URL),
    cacheRedis: redis('cache redis', 'hot', config.SECKILL_CACHE_REDIS_URL),
    zookeeper: own(
      'zookeeper',
      connectZooKeeper({ connection: config.SECKILL_ZOOKEEPER, auth: config.SECKILL_ZOOKEEPER_AUTH, logger }),
    ),
  };
}

/** The shop's own sign-in, if there is one, and its keys: they are asked for also when no token comes to this gateway. */
function followSignIn(own: Own, config: Config, logger: Logger): { shop: ShopSignIn; keys: ShopKeys } | null {
  const shop = shopSignInOf(config);
  if (shop === undefined) return null;
  const warn = createThrottledWarn(logger, 60_000);
  const keys = createShopKeys(shop.jwksUrl, { warn });
  own('sign-in keys', keepShopKeys(keys, { warn }));
  return { shop, keys };
}

/** The API reference, and the console where it is switched on. It is closed after the server that shoppers come to. */
function createInnerPages(
  own: Own,
  config: Config,
  view: Omit<Parameters<typeof startConsole>[0], 'config' | 'assets'>,
): InnerPages {
  const assets = createInnerAssets();
  const app = new Hono().route('/', createReferenceApp(assets));
  if (config.console === null) return { paths: ['/reference'], fetch: app.fetch };
  app.route('/', own('console', startConsole({ config: config.console, assets, ...view })).app);
  return { paths: ['/reference', '/console'], fetch: app.fetch };
}

await runService('gateway', readSettings, async ({ config, logger, own }) => {
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
  const { pool, redis, listening, cacheRedis, zookeeper } = openConnections(own, config, logger);
  watchConnections(registers, {
    'stock redis': () => redis.status === 'ready',
    'cache redis': () => cacheRedis.status === 'ready',
    zookeeper: () => zookeeper.ready() === null,
  });
  countFailovers(registers, {
    'stock redis': config.SECKILL_STOCK_REDIS_URL,
  });
  const inner = own('inner server', createServer(), stopListening); // answers until all that it shows is closed
  const sales = own('sales', followObeyedSales({ zookeeper, logger }));
  const innerPages = createInnerPages(own, config, { redis, pool, zookeeper, sales: sales.all, logger });
  const signIn = followSignIn(own, config, logger);
  const ticketTtlMs = config.SECKILL_TICKET_TTL_SECONDS * 1000;
  const office = own(
    'edge office',
    followEdgeOffice({
      challengeSecret: config.SECKILL_CHALLENGE_SECRET,
      sessionSecret: config.SECKILL_SESSION_SECRET,
      ...{ ticketTtlMs, signIn },
    }),
  );
  await startEdgeAgent({
    ...{ own, zookeeper, sales, ticketKeys, office, logger, registers },
    edgeId: config.SECKILL_EDGE_ID,
    socketPath: config.SECKILL_AGENT_SOCKET,
  });

  // Before the orders: their open streams are requests that only they can end.
  const server = own('server', createServer(), closeServer);
  const authenticate = createAuthenticate(config.SECKILL_SESSION_SECRET, {
    ...{ shop: signIn?.shop, shopKeys: signIn?.keys, logger },
  });
  const orders = own(
    'orders',
    startOrders({
      ...{ redis, listening, pool, zookeeper, authenticate, logger, registers },
      replicas: stockReplicas(config),
      maxStreams: config.SECKILL_ORDER_STREAMS,
      findTerms: sales.get,
    }),
  );
  const session = createSession({
    secret: config.SECKILL_SESSION_SECRET,
    demoSignIn: config.SECKILL_DEMO_SIGN_IN === 'on',
    now: Date.now,
  });
  // Throttled: an outage makes one of these for every poll.
  const warn = createThrottledWarn(logger);
  const answerTimes = createAnswerTimes(registers);
  const app = createProblemApp(
    [
      session.app,
      createTicketApp({
        findSale: sales.get,
        knowsAll: sales.isComplete,
        challenges: createChallenges(config.SECKILL_CHALLENGE_SECRET),
        authenticate,
        ticketKeys: ticketKeys.get,
        ticketTtlMs,
        now: Date.now,
      }),
      ...orders.apps,
      createEdgeSaleApp({ find: createSaleFinder({ redis, pool, logger }), cache: cacheRedis, logger }),
    ],
    (error, request) => warn(error, 'a request failed', describeRequest(request)),
    answerTimes.middleware,
  );
  server.on(
    'request',
    createBareRoutes({
      routes: [session.route, ...orders.routes],
      otherwise: getRequestListener(app.fetch),
      onAnswer: answerTimes.observe,
      onFault: (error, request) => warn(error, 'a request failed', request),
    }),
  );
  await listenForNginx(server, config.SECKILL_LISTEN);

  await startInnerServer({
    server: inner,
    address: config.SECKILL_INNER_LISTEN,
    registry,
    ready: {
      sales: () => (sales.isComplete() ? null : 'not read from zookeeper yet'),
      schema: schemaReady(pool, databaseSchema, logger),
    },
    pages: innerPages,
  });
});
