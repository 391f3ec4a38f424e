import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { parseHandOverKeys } from '#contract/hand-over-keys.ts';
import type { PersonalKey } from '#contract/personal-keys.ts';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { createAuthenticate, signSession } from '#http/authenticate.ts';
import { createProblemApp } from '#http/problem-app.ts';
import { createSeal } from '#order-worker/details/seal.ts';
import { startDetails } from '#order-worker/details/start-details.ts';
import { type HandOverSettings, startHandOver } from '#order-worker/hand-over/start-hand-over.ts';
import type { PaymentProvider } from '#order-worker/money/provider/provider.ts';
import { startMoney } from '#order-worker/money/start-money.ts';
import { createFindOrder } from '#order-worker/orders/find-order.ts';
import { createFindOwnOrder } from '#order-worker/orders/find-own-order.ts';
import { moveOrders } from '#order-worker/orders/move-orders.ts';
import { createOrderStore } from '#order-worker/orders/order-store.ts';
import { startOutbox } from '#order-worker/outbox/outbox.ts';
import { createTellStock } from '#order-worker/outbox/tell-stock.ts';
import { createBelongings } from '#runtime/belongings.ts';
import { createRegistry } from '#runtime/metrics.ts';
import { inTransaction } from '#runtime/postgres/connect.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { newWebhookSecret, parseWebhookSecrets } from '#runtime/standard-webhooks.ts';
import { createStock } from '#stock/create-stock.ts';
import { startOrdersDatabase } from './orders.ts';
import { startSandbox } from './payment-sandbox.ts';

const secret = 'a-session-secret-of-a-test-000000';
/** Two of each, as while one takes the other's place: the first key signs. */
const handOverKeys = [0, 1].map(() =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
);
export const shopSecrets = [newWebhookSecret(), newWebhookSecret()] as const;
export const handOverIssuer = 'https://sale.example';

/**
 * Everything that takes money and gives it back, on real servers, with the sandbox provider as its own process. The
 * app is called directly; the provider's webhooks reach it as they would through the edge.
 */
export async function startPaymentDesk(
  options: {
    checkAfterMs?: number;
    graceMs?: number;
    /** Of a call to the provider; long unless told: a machine that stands still is no provider that is away. */
    deadlineMs?: number;
    tries?: number;
    /** The longest wait between two tries of a refund. */
    longestMs?: number;
    /** In the place of the sandbox's, which runs beside it. */
    provider?: PaymentProvider;
    publicUrl?: string;
    /** Seal contact and address. */
    personalKeys?: PersonalKey[];
    /** Settings of the hand-over, where they are not those below. */
    handOver?: Partial<HandOverSettings>;
  } = {},
) {
  const { checkAfterMs = 60_000, graceMs, deadlineMs = 10_000, tries = 6, longestMs = 200 } = options;
  const database = await startOrdersDatabase(['postgres', 'stock-redis', 'queue-redis']);
  const { pool, logger, environment } = database;
  const stockRedis = connectRedis('patient', environment.SECKILL_STOCK_REDIS_URL ?? '', logger);
  const queueRedis = connectRedis('queue', environment.SECKILL_QUEUE_REDIS_URL ?? '', logger);
  const stock = createStock(stockRedis);
  const store = createOrderStore(pool);
  const outbox = startOutbox({
    ...{ consumer: 'stock', pool, logger },
    tell: createTellStock({ stock, store, logger }),
    everyMs: 20,
  });
  const request = (path: string, init: RequestInit): Promise<Response> => Promise.resolve(app.request(path, init));
  const sandbox = await startSandbox({
    onWebhook: async ({ headers, body }) =>
      (await request('/api/payments/webhook', { method: 'POST', headers, body })).status,
  });
  const belongings = createBelongings(logger);
  const registry = createRegistry();
  const findOwnOrder = createFindOwnOrder({
    authenticate: createAuthenticate(secret),
    findOrder: createFindOrder({ pool, stock }),
  });
  const details = startDetails({
    ...{
      own: belongings.own,
      pool,
      seal: createSeal(options.personalKeys ?? []),
      findOwnOrder,
      logger,
      registers: [registry],
    },
    onGiven: outbox.nudge,
    eraseEveryMs: 20,
  });
  const handOver = startHandOver({
    ...{ pool, stock, logger, registers: [registry], now: Date.now, newId: () => crypto.randomUUID() },
    detailsOf: details.store.of,
    settings: {
      SECKILL_HAND_OVER_KEY: parseHandOverKeys(handOverKeys.join('\n')),
      SECKILL_HAND_OVER_SECRET: parseWebhookSecrets(shopSecrets.join(',')),
      SECKILL_PUBLIC_URL: handOverIssuer,
      ...options.handOver,
    },
    onMoved: outbox.nudge,
  });
  const payments = startMoney({
    ...{
      own: belongings.own,
      pool,
      connection: queueRedis,
      provider: options.provider ?? sandbox.provider,
      logger,
      registers: [registry],
      deadlineMs,
      checkAfterMs,
      graceMs,
    },
    findOwnOrder,
    isDetailsMissing: details.store.isMissing,
    now: Date.now,
    random: Math.random,
    refunds: { tries, firstMs: 40, longestMs },
    publicUrl: options.publicUrl ?? null,
    toCheckout: handOver.toCheckout,
    onMoved: outbox.nudge,
  });
  const app = createProblemApp([...payments.apps, ...handOver.apps, details.app], () => undefined);
  const queue = new Queue(queueNames.refunds, { connection: queueRedis, prefix: queuePrefix });

  const post = async (path: string, userId: string | null, json = '{}') => {
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (userId !== null) headers.authorization = `Bearer ${signSession(userId, secret, Date.now())}`;
    const answer = await request(path, { method: 'POST', headers, body: json });
    const body = (await answer.json()) as Record<string, unknown>; // our own app's
    return { status: answer.status, body, retryAfter: answer.headers.get('retry-after') };
  };
  const one = async <T>(sql: string, ...values: unknown[]): Promise<T> => (await pool.query(sql, values)).rows[0];

  return {
    ...database,
    stock,
    sandbox,
    queue,
    request,
    /** A sale that is open, with its stock. */
    async openSale(units = 5, changes: Parameters<typeof database.makeSale>[0] = {}): Promise<string> {
      const saleId = await database.makeSale({ units, ...changes });
      const now = Date.now();
      const window = { opensAtMs: now - 1000, closesAtMs: now + 3_600_000 };
      await stock.preload(saleId, { total: units, ...window, limitPerUser: units, lowestEpoch: 0 });
      await stock.setState(saleId, 'open');
      return saleId;
    },
    /** An order of user `u` that awaits payment. */
    async bought(saleId: string): Promise<string> {
      const order = database.makeOrder(saleId);
      const outcome = await stock.reserve(saleId, { orderId: order.orderId, userId: order.userId, quantity: 1 });
      if (outcome.kind !== 'accepted') throw new Error(`not accepted: ${outcome.kind}`);
      await store.store([order]);
      await stock.commit(saleId, [order.orderId]);
      return order.orderId;
    },
    pay: (orderId: string, userId: string | null = 'u', body: object = {}) =>
      post(`/api/orders/${orderId}/payment`, userId, JSON.stringify(body)),
    takePayment: payments.takePayment,
    /** The payment that a press begins; presses again while the provider is slow, or left alone after a test before. */
    async begin(orderId: string): Promise<string> {
      for (let tries = 1; ; tries += 1) {
        const { status, body } = await post(`/api/orders/${orderId}/payment`, 'u');
        if (status === 201) return String(body.paymentId);
        if (status !== 503 || tries === 300) throw new Error(`paying ${orderId}: ${status} ${JSON.stringify(body)}`);
        await wait(100);
      }
    },
    /** Puts contact and address; the answer's body is its text. */
    async giveDetails(orderId: string, body: unknown, change: { userId?: string | null; type?: string } = {}) {
      const { userId = 'u', type = 'application/json' } = change;
      const headers: Record<string, string> = { 'content-type': type };
      if (userId !== null) headers.authorization = `Bearer ${signSession(userId, secret, Date.now())}`;
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const answer = await request(`/api/orders/${orderId}/details`, { method: 'PUT', headers, body: text });
      const said = await answer.text();
      return { status: answer.status, detail: said === '' ? '' : String(JSON.parse(said).detail), said };
    },
    details: details.store,
    metricOf: async (name: string) => (await registry.getSingleMetric(name)?.get())?.values[0]?.value ?? 0,
    cancel: (orderId: string, userId: string | null = 'u') => post(`/api/orders/${orderId}/cancel`, userId),
    refund: (orderId: string, userId: string | null = 'u') => post(`/api/orders/${orderId}/refund`, userId),
    expire: (orderId: string) =>
      inTransaction(pool, (client) =>
        moveOrders(client, { orderIds: [orderId], from: 'awaiting_payment', to: 'expired' }),
      ),
    stateOf: async (orderId: string) =>
      (await one<{ state: string }>('SELECT state FROM orders WHERE id = $1', orderId)).state,
    paymentOf: (paymentId: unknown) =>
      one<{ state: string; reason: string | null }>('SELECT state, reason FROM payments WHERE id = $1', paymentId),
    /** The refund of a payment, or undefined. */
    refundOf: (paymentId: unknown) =>
      one<{ id: string; state: string; reason: string; last_error: string | null } | undefined>(
        'SELECT id, state, reason, last_error FROM refunds WHERE payment_id = $1',
        paymentId,
      ),
    async count(metric: string): Promise<number> {
      const { values } = (await registry.getSingleMetric(metric)?.get()) ?? { values: [] };
      return values.reduce((sum, { value }) => sum + value, 0);
    },
    /** How many webhooks were answered, by outcome. */
    async webhooksAnswered(): Promise<Record<string, number>> {
      const { values } = (await registry.getSingleMetric('seckill_payment_webhooks_total')?.get()) ?? { values: [] };
      return Object.fromEntries(values.map(({ labels, value }) => [labels.outcome, value]));
    },
    eventsOf: async (orderId: string): Promise<string[]> =>
      (await pool.query('SELECT type FROM order_events WHERE order_id = $1 ORDER BY version', [orderId])).rows.map(
        ({ type }) => type,
      ),
    async close(): Promise<void> {
      await belongings.close();
      await outbox.close();
      await sandbox.close();
      await queue.close();
      disconnectRedis(stockRedis, queueRedis);
      await database.close();
    },
  };
}
export type PaymentDesk = Awaited<ReturnType<typeof startPaymentDesk>>;
