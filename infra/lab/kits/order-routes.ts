import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Redis } from 'ioredis';
import type { OrderView } from '#contract/order.ts';
import type { ShownOrder } from '#contract/shown-order.ts';
import { createOrderEventsApp } from '#gateway/orders/events.ts';
import { createFewAtOnce } from '#gateway/orders/few-at-once.ts';
import { createFindOwnOrder } from '#gateway/orders/find-own-order.ts';
import { createOrderListApp } from '#gateway/orders/list.ts';
import { createListOrders } from '#gateway/orders/list-orders.ts';
import { followShownOrders } from '#gateway/orders/order-feed.ts';
import { createOrderStreams, type StreamLimits } from '#gateway/orders/order-streams.ts';
import { createOrderReader } from '#gateway/orders/read-orders.ts';
import { createSaleProgress } from '#gateway/orders/sale-progress.ts';
import { createOrderStatus } from '#gateway/orders/status.ts';
import { createStreamMetrics } from '#gateway/orders/stream-metrics.ts';
import { createEventParser } from '#gateway/pages/browser/event-parser.ts';
import { createAuthenticate, signSession } from '#http/authenticate.ts';
import { createBareRoutes } from '#http/bare-routes.ts';
import { bearerOf } from '#http/bearer.ts';
import { createProblemApp } from '#http/problem-app.ts';
import { startOrdersDatabase } from '#lab/kits/orders.ts';
import { createOrderStore } from '#order-worker/orders/order-store.ts';
import { closeServer } from '#runtime/listen.ts';
import { createRegistry } from '#runtime/metrics.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { createStock } from '#stock/create-stock.ts';

const secret = 'a secret of the tests, long enough';

/** The order routes over real servers, as `startOrders` builds them, with every hand on a lever. */
export async function startOrdersServer() {
  const database = await startOrdersDatabase(['postgres', 'stock-redis']);
  const { pool, logger } = database;
  const url = database.environment.SECKILL_STOCK_REDIS_URL ?? '';
  const writing = connectRedis('patient', url, logger);
  const stock = createStock(writing);
  const store = createOrderStore(pool);
  const tokens = createOnce((userId) => signSession(userId, secret, Date.now()));

  /** A gateway's order routes. `listeningUrl`: what it hears of changes by. `now`: by which it measures the drain. */
  async function serve(
    options: {
      limits?: Partial<StreamLimits>;
      listeningUrl?: string;
      drainLimit?: number;
      now?: () => number;
      /** Before an order is looked up. */
      beforeRead?: () => Promise<void>;
    } = {},
  ) {
    // Not `hot`: a second in which the machine stands still is no reason to give up here.
    const redis = connectRedis('patient', url, logger);
    const listening = connectRedis('listening', options.listeningUrl ?? url, logger);
    const questions = { redis: 0, postgres: 0 };
    const counted = countCalls(redis, () => questions.redis++);
    const reader = createOrderReader({
      redis: counted,
      replicas: 0,
      pool: countCalls(pool, () => questions.postgres++),
    });
    const readOrder: typeof reader = async (orderId) => {
      await options.beforeRead?.();
      return reader(orderId);
    };
    const progress = createSaleProgress({
      redis: counted,
      drainLimit: () => options.drainLimit ?? null,
      now: options.now ?? (() => performance.now()),
    });
    const look = createAuthenticate(secret);
    const users = createOnce((token) => look({ headers: { authorization: `Bearer ${token}` } }));
    const authenticate: typeof look = (request) => users(bearerOf(request) ?? '');
    const findOwnOrder = createFindOwnOrder({ readOrder, authenticate });
    const metrics = createStreamMetrics([createRegistry()]);
    const errors: unknown[] = [];
    const streams = createOrderStreams({
      readOrder,
      progress,
      findTerms: () => null,
      limits: { perProcess: 100, perUser: 100, ...options.limits },
      metrics,
      now: Date.now,
      onError: (error) => errors.push(error),
    });
    const { follows, shown: onShown, readAll: onGap } = streams;
    const feed = followShownOrders({ redis: listening, logger, follows, onShown, onGap });
    const status = createOrderStatus({ findOwnOrder, progress, findTerms: () => null, now: Date.now });
    const list = createOrderListApp({
      ...{ authenticate, listOrders: createListOrders(pool) },
      fewAtOnce: createFewAtOnce({ underWay: 2, waiting: 5, waitMs: 30_000 }),
    });
    const onFault = (error: unknown) => errors.push(error);
    const app = createProblemApp([list, status.app, createOrderEventsApp({ findOwnOrder, streams, metrics })], onFault);
    const otherwise = getRequestListener(app.fetch);
    const server = createServer(
      createBareRoutes({ routes: [status.route], otherwise, onAnswer: () => undefined, onFault }),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo; // it listens on a port
    while (redis.status !== 'ready' || listening.status !== 'ready')
      await new Promise((resolve) => setImmediate(resolve));
    return {
      app,
      streams,
      questions,
      errors,
      port,
      origin: `http://127.0.0.1:${port}`,
      dropped: async () => (await metrics.dropped.get()).values[0]?.value ?? 0,
      close: async () => {
        streams.close();
        await closeServer(server);
        feed.close();
        disconnectRedis(redis, listening);
      },
    };
  }

  return {
    ...database,
    stock,
    store,
    serve,
    bearer: async (userId: string) => ({ Authorization: `Bearer ${await tokens(userId)}` }),

    /** A sale on sale, with so many units. */
    async openSale(units: number): Promise<string> {
      const saleId = await database.makeSale({ units });
      const window = { opensAtMs: Date.now() - 1000, closesAtMs: Date.now() + 3_600_000 };
      await stock.preload(saleId, { total: units, ...window, limitPerUser: units, lowestEpoch: 0 });
      await stock.setState(saleId, 'open');
      return saleId;
    },

    /** Buys a unit; returns the order's id. It is queued. */
    async buy(saleId: string, userId = 'u'): Promise<string> {
      const { orderId } = database.makeOrder(saleId);
      const outcome = await stock.reserve(saleId, { orderId, userId, quantity: 1 });
      if (outcome.kind !== 'accepted') throw new Error(outcome.kind);
      return orderId;
    },

    /** Shows the order in this state, as the worker does after each change. */
    async show(
      saleId: string,
      orderId: string,
      state: ShownOrder['state'],
      version: number,
      more: Pick<ShownOrder, 'step' | 'payment' | 'hasDetails'> = {},
    ): Promise<void> {
      const shown = { version, state, payByMs: Date.now() + 60_000, amount: 100, currency: 'CNY', ...more };
      // Told as the drain tells of what it stored, or as all else does.
      if (version === 1 && more.payment === undefined) await stock.commitShown(saleId, [{ orderId, shown }]);
      else await stock.show(saleId, [{ orderId, ...shown }]);
    },

    async close() {
      disconnectRedis(writing);
      await database.close();
    },
  };
}

/**
 * Makes each thing once. Tokens are checked beside the event loop: with each one anew, a thousand requests at once would
 * come in as many turns of it as the machine likes.
 */
function createOnce<T>(make: (name: string) => T): (name: string) => T {
  const made = new Map<string, T>();
  return (name) => {
    const one = made.get(name) ?? make(name);
    made.set(name, one);
    return one;
  };
}

/** The same object, `onCall` before each call of `hmget`, `hget` or `query`. */
function countCalls<T extends Redis | { query: unknown }>(target: T, onCall: () => void): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name, object);
      if (typeof value !== 'function') return value;
      if (name === 'hmget' || name === 'hget' || name === 'query') onCall();
      return value.bind(object);
    },
  });
}

/** Follows a stream until it ends; what has come so far is in `views`. */
export async function follow(url: string, headers: Record<string, string>) {
  const stopping = new AbortController();
  const response = await fetch(url, { headers, signal: stopping.signal });
  const views: (OrderView & { id: string })[] = [];
  const seen = { text: '', retries: 0, hasEnded: false };
  const parse = createEventParser();
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      const text = decoder.decode(chunk, { stream: true });
      seen.text += text;
      for (const part of parse(text)) {
        if (part.kind === 'retry') seen.retries += 1;
        else views.push({ ...(JSON.parse(part.event.data) as OrderView), id: part.event.id }); // both sides are ours
      }
    }
  })()
    .catch(() => {}) // aborted
    .finally(() => {
      seen.hasEnded = true;
    });
  return {
    response,
    views,
    seen,
    states: () => views.map(({ state }) => state),
    stop: async () => {
      stopping.abort();
      await reading;
    },
  };
}
