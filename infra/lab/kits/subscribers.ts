import { randomBytes, randomInt } from 'node:crypto';
import { join } from 'node:path';
import type { StoredOrderState } from '#contract/order-events.ts';
import { defaultDelivery } from '#contract/subscribers.ts';
import { createDetailsStore } from '#order-worker/details/details-store.ts';
import { createSeal } from '#order-worker/details/seal.ts';
import { moveOrders } from '#order-worker/orders/move-orders.ts';
import { createOrderStore } from '#order-worker/orders/order-store.ts';
import { createDeliveryStore } from '#order-worker/subscribers/delivery-store.ts';
import { createEventHistory } from '#order-worker/subscribers/event-history.ts';
import { createReplayStore } from '#order-worker/subscribers/replay-store.ts';
import { startSubscribers } from '#order-worker/subscribers/start-subscribers.ts';
import { createSubscriberStore, type NewSubscriber } from '#order-worker/subscribers/subscriber-store.ts';
import { createRegistry } from '#runtime/metrics.ts';
import { inTransaction } from '#runtime/postgres/connect.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { newWebhookSecret } from '#runtime/standard-webhooks.ts';
import { spawnTied } from '../servers/tied-process.ts';
import { connectPatiently, startOrdersDatabase } from './orders.ts';
import { type Reply, replyWith, startReceiver } from './receiver.ts';

/** Orders, subscribers and their receivers, on real servers: what tests of deliveries begin with. `close` when done. */
export async function startSubscriberKit() {
  const database = await startOrdersDatabase(['postgres', 'queue-redis']);
  const { pool, logger, environment } = database;
  const store = createSubscriberStore(pool);
  const orders = createOrderStore(pool);
  const redis = connectRedis('queue', environment.SECKILL_QUEUE_REDIS_URL ?? '', logger);
  const opened: { close: () => Promise<unknown> }[] = [];
  const seal = createSeal([{ id: 'p1', key: randomBytes(32) }]);
  let saleId = '';

  return {
    details: createDetailsStore({ pool, seal }),
    ...database,
    redis,
    store,
    orders,
    deliveries: createDeliveryStore(pool),
    history: createEventHistory(pool),
    replays: createReplayStore(pool),

    /** The part of a worker that serves subscribers; `registry` holds its metrics. */
    startWorker() {
      const connection = connectRedis('queue', environment.SECKILL_QUEUE_REDIS_URL ?? '', logger);
      const workerPool = connectPatiently(environment.SECKILL_DATABASE_URL ?? '', logger, {
        max: 3,
        mayLoseLast: true,
      });
      const registry = createRegistry();
      const subscribers = startSubscribers({
        pool: workerPool,
        connection,
        seal,
        registry,
        logger,
        now: Date.now,
        random: Math.random,
        sweepRestMs: 200,
        replayPageEvents: 50,
      });
      let closed: Promise<void> | null = null;
      const close = () => {
        closed ??= subscribers.close().then(() => {
          disconnectRedis(connection);
          return workerPool.end();
        });
        return closed;
      };
      opened.push({ close });
      return { registry, close };
    },

    /** The same as a process of its own; `kill` ends it as a power cut would. */
    async startWorkerProcess() {
      const { SECKILL_DATABASE_URL = '', SECKILL_QUEUE_REDIS_URL = '' } = environment;
      const file = join(import.meta.dirname, 'subscriber-worker.ts');
      const { child, end } = spawnTied(process.execPath, [file, SECKILL_DATABASE_URL, SECKILL_QUEUE_REDIS_URL], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const kill = () => end('SIGKILL');
      opened.push({ close: kill });
      await new Promise((resolve) => child.stdout?.once('data', resolve));
      return { kill };
    },

    /** A subscriber with a receiver that answers as told, added and begun; it tries three times, quickly. */
    async subscribe(changes: Partial<NewSubscriber> & { reply?: Reply } = {}) {
      const { reply = replyWith(204), ...given } = changes;
      const secret = newWebhookSecret();
      const receiver = await startReceiver({ secrets: () => secret, reply });
      opened.push(receiver);
      const name = `s${randomInt(1_000_000_000)}`;
      const subscriber: NewSubscriber = {
        ...defaultDelivery,
        retry: { tries: 3, firstMs: 50, longestMs: 200 },
        name,
        url: receiver.url,
        allowInner: true,
        types: null,
        secret,
        ...given,
      };
      await store.add(subscriber);
      await store.begin();
      const found = await store.find(name);
      if (found === null) throw new Error('the subscriber is not there');
      return { ...receiver, name, id: found.id, secret };
    },

    /** A sale of its own with many units: the orders that follow are of it. */
    async openSale(units = 100_000, changes: Parameters<typeof database.makeSale>[0] = {}) {
      saleId = await database.makeSale({ units, ...changes });
    },

    /** Stores orders (their first event); returns their ids. */
    async buy(count = 1): Promise<string[]> {
      const accepted = Array.from({ length: count }, () => database.makeOrder(saleId));
      for (let from = 0; from < count; from += 200) await orders.store(accepted.slice(from, from + 200));
      return accepted.map(({ orderId }) => orderId);
    },

    /** The next event of these orders. */
    move: (orderIds: readonly string[], from: StoredOrderState, to: StoredOrderState) =>
      inTransaction(pool, (client) => moveOrders(client, { orderIds, from, to })),

    waitingRows: async (subscriberId: number): Promise<number> =>
      (await pool.query('SELECT count(*) AS n FROM deliveries WHERE subscriber_id = $1', [subscriberId])).rows[0]?.n,

    /** Everybody leaves: workers first, then receivers, then the rows. */
    async clear(): Promise<void> {
      for (const each of opened.splice(0)) await each.close();
      await pool.query('DELETE FROM subscribers');
      await pool.query('DELETE FROM deliveries');
      await pool.query('DELETE FROM outbox');
      await redis.flushall();
    },

    async closeAll(): Promise<void> {
      disconnectRedis(redis);
      await database.close();
    },
  };
}
