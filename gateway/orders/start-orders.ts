import type { Hono } from 'hono';
import type { Authenticate } from '#http/authenticate.ts';
import type { BareRoute } from '#http/bare-routes.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import type { Registry } from '#runtime/metrics.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { Redis } from '#runtime/redis/connect.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import { watchDrainLimit } from './drain-limit.ts';
import { createOrderEventsApp } from './events.ts';
import { createFewAtOnce } from './few-at-once.ts';
import { createFindOwnOrder } from './find-own-order.ts';
import { createOrderListApp } from './list.ts';
import { createListOrders } from './list-orders.ts';
import { followShownOrders } from './order-feed.ts';
import { createOrderStreams } from './order-streams.ts';
import type { FindTerms } from './order-view.ts';
import { createOrderReader } from './read-orders.ts';
import { createSaleProgress } from './sale-progress.ts';
import { createOrderStatus } from './status.ts';
import { createStreamMetrics } from './stream-metrics.ts';

/** A browser opens six connections to an origin at most: two are left for everything else. */
const streamsPerUser = 4;

/** Of a gateway's four connections to PostgreSQL, half: sales for a cold edge and the console are asked for over the same. */
const listings = { underWay: 2, waiting: 40, waitMs: 1000 };

/** What shoppers see of their orders: the routes, and what stands behind them. `close` ends the open streams. */
export function startOrders(deps: {
  /** Kind `hot`. */
  redis: Redis;
  /** How many replicas of it must have an order before its shopper is shown it. */
  replicas: number;
  /** Kind `listening`, to the same server. */
  listening: Redis;
  pool: Pool;
  zookeeper: ZooKeeper;
  authenticate: Authenticate;
  logger: Logger;
  registers: Registry[];
  maxStreams: number;
  findTerms: FindTerms;
}): { apps: Hono[]; routes: BareRoute[]; close: () => Promise<void> } {
  const { redis, replicas, listening, pool, zookeeper, authenticate, logger, registers, maxStreams, findTerms } = deps;
  const warn = createThrottledWarn(logger);
  const readOrder = createOrderReader({ redis, replicas, pool });
  const limit = watchDrainLimit({ zookeeper, logger });
  const progress = createSaleProgress({ redis, drainLimit: limit.perSecond, now: () => performance.now() });
  const findOwnOrder = createFindOwnOrder({ readOrder, authenticate });
  const metrics = createStreamMetrics(registers);
  const streams = createOrderStreams({
    readOrder,
    progress,
    findTerms,
    limits: { perProcess: maxStreams, perUser: streamsPerUser },
    metrics,
    now: Date.now,
    onError: (error) => warn(error, 'order streams'),
  });
  const feed = followShownOrders({
    redis: listening,
    logger,
    follows: streams.follows,
    onShown: streams.shown,
    onGap: streams.readAll,
  });
  const ticks = setInterval(streams.tick, 1000);

  const status = createOrderStatus({ findOwnOrder, progress, findTerms, now: Date.now });
  const list = createOrderListApp({
    ...{ authenticate, listOrders: createListOrders(pool), fewAtOnce: createFewAtOnce(listings) },
  });

  return {
    apps: [list, status.app, createOrderEventsApp({ findOwnOrder, streams, metrics })],
    routes: [status.route],
    close: async () => {
      clearInterval(ticks);
      feed.close();
      streams.close();
      await limit.close();
    },
  };
}
