import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { EdgeNode } from '#contract/edge-stream.ts';
import { settings } from '#contract/settings.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { readConfig } from '#runtime/config.ts';
import { startInnerServer } from '#runtime/inner-server.ts';
import { closeServer, listen } from '#runtime/listen.ts';
import { createLogger } from '#runtime/logger.ts';
import { runMain } from '#runtime/main.ts';
import { createRegistry, Gauge } from '#runtime/metrics.ts';
import { connectPostgres } from '#runtime/postgres.ts';
import { connectRedis } from '#runtime/redis.ts';
import { closeOnSignal } from '#runtime/shutdown.ts';
import { connectZooKeeper } from '#runtime/zookeeper.ts';
import { keepPresence } from '#runtime/zookeeper-presence.ts';
import { startAgent } from './agent/stream.ts';
import { watchSales } from './agent/watch-sales.ts';
import { createGatewayApp } from './app.ts';
import { createOrderApp } from './orders/status.ts';
import { createChallenges } from './tickets/challenge.ts';
import { createTicketApp } from './tickets/issue.ts';
import { createAuthenticate, createSessionApp } from './tickets/session.ts';

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
      'SECKILL_ZOOKEEPER',
      'SECKILL_DATABASE_URL',
      'SECKILL_TICKET_KEYS',
      'SECKILL_TICKET_TTL_SECONDS',
      'SECKILL_SESSION_SECRET',
      'SECKILL_DEMO_SIGN_IN',
      'SECKILL_LOG_LEVEL',
    ],
    environment,
  );
  const logger = createLogger({
    service: 'gateway',
    instance: config.SECKILL_INSTANCE,
    level: config.SECKILL_LOG_LEVEL,
  });
  const registry = createRegistry();

  const zookeeper = connectZooKeeper({ connection: config.SECKILL_ZOOKEEPER, logger });
  const redis = connectRedis('hot', config.SECKILL_STOCK_REDIS_URL, logger);
  const pool = connectPostgres(config.SECKILL_DATABASE_URL, logger, { max: 4 });

  const sales = watchSales({ zookeeper, logger });
  let appliedAt = new Date();
  const edgeId = config.SECKILL_EDGE_ID;
  const agent = await startAgent({
    socketPath: config.SECKILL_AGENT_SOCKET,
    sales,
    logger,
    onApplied: () => {
      appliedAt = new Date();
      presence.nudge();
    },
  });
  const presence = keepPresence({
    zookeeper,
    path: zookeeperPaths.edge(edgeId),
    logger,
    data: () => {
      const node: EdgeNode = { edgeId, epochs: agent.applied(), appliedAt: appliedAt.toISOString() };
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

  const authenticate = createAuthenticate(config.SECKILL_SESSION_SECRET);
  const app = createGatewayApp(
    [
      createSessionApp({
        secret: config.SECKILL_SESSION_SECRET,
        demoSignIn: config.SECKILL_DEMO_SIGN_IN === 'on',
        now: Date.now,
      }),
      createTicketApp({
        findSale: sales.get,
        challenges: createChallenges(config.SECKILL_SESSION_SECRET),
        authenticate,
        ticketKeys: config.SECKILL_TICKET_KEYS,
        ticketTtlMs: config.SECKILL_TICKET_TTL_SECONDS * 1000,
        now: Date.now,
      }),
      createOrderApp({ redis, pool, authenticate }),
    ],
    logger,
  );
  const server = createServer(getRequestListener(app.fetch));
  server.keepAliveTimeout = 75_000; // longer than nginx keeps its idle connections, so it never meets a closing one
  await listen(server, config.SECKILL_LISTEN);

  const inner = await startInnerServer({
    address: config.SECKILL_INNER_LISTEN,
    registry,
    ready: { sales: () => (sales.isComplete() ? null : 'not read from zookeeper yet') },
  });
  logger.info({ listen: config.SECKILL_LISTEN }, 'ready');

  closeOnSignal(
    [
      { name: 'server', close: () => closeServer(server) },
      { name: 'agent', close: agent.close },
      { name: 'presence', close: presence.close },
      { name: 'inner server', close: () => inner.close() },
      { name: 'zookeeper', close: zookeeper.close },
      { name: 'redis', close: () => redis.disconnect() },
      { name: 'postgres', close: () => pool.end() },
    ],
    logger,
  );
});
