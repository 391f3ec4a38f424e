import { type Job, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { saleIdOfOrder } from '#contract/order.ts';
import { parseChunkId } from '#contract/order-chunk.ts';
import type { StoredOrderState } from '#contract/order-events.ts';
import type { PaymentState, RefundReason } from '#contract/payment.ts';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import type { Reservation } from '#contract/reservation.ts';
import type { ShownOrder } from '#contract/shown-order.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { Stock } from '#stock/stock.ts';
import { findChunkOf } from '../queue/queued-orders.ts';
import { type OrderTimer, readOrderTimer } from './order-timer.ts';

/** Times are ISO 8601; amounts minor units. */
export type OrderRow = {
  state: StoredOrderState;
  version: number;
  userId: string;
  quantity: number;
  place: number;
  amount: number;
  currency: string;
  payBy: string;
  acceptedAt: string;
  storedAt: string;
  changedAt: string;
};
export type DossierEvent = { seq: number; version: number; type: string; at: string; data: Record<string, unknown> };
/** `takenBy`: the payment provider, or the shop's own checkout; `providerId` is the payment's id there. */
export type DossierPayment = {
  id: string;
  state: PaymentState;
  amount: number;
  at: string;
  reason: string | null;
  takenBy: 'provider' | 'shop';
  providerId: string | null;
};
export type DossierRefund = {
  id: string;
  paymentId: string;
  state: 'pending' | 'succeeded';
  reason: RefundReason;
  at: string;
  lastError: string | null;
};
/**
 * A job that some queue still has of the order. `dueAt` of a delayed one. `chunk`: the order shares the job with others; how many
 * orders are in it, and how many jobs in its state come before it. Null of a job of the order's own.
 */
export type DossierJob = {
  queue: string;
  state: string;
  tries: number;
  dueAt: string | null;
  reason: string | null;
  chunk: { orders: number; jobsAhead: number } | null;
};

/** All that is known of one order, in every store: for support, and for whoever looks for what went wrong. */
export type OrderDossier = {
  orderId: string;
  saleId: string;
  order: OrderRow | null;
  events: DossierEvent[];
  payments: DossierPayment[];
  refunds: DossierRefund[];
  /** Who still has to be told of which of its events (the outbox), and which subscribers are behind. */
  untold: { consumer: string; version: number }[];
  reservation: Reservation | null;
  /** What its shopper is shown once it is stored. */
  shown: ShownOrder | null;
  /** Units in line before it, while it is not stored. */
  ahead: number | null;
  jobs: DossierJob[];
  /** Contact and address were given for it, and when they are erased. They themselves are in no dossier (I10). */
  details: { givenAt: string; eraseAt: string } | null;
  /** What ends its time to pay, while it awaits payment. */
  timer: OrderTimer | null;
  /** Stores that did not answer: what they hold is not in here. */
  away: string[];
};

type Deps = { pool: Pick<Pool, 'query'>; stock: Pick<Stock, 'reservation' | 'shown' | 'sale'>; queueRedis: Redis };

/** A time as ISO 8601, UTC, to the millisecond. */
const iso = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

const orderSql = `
  SELECT state, version, user_id AS "userId", quantity, place, amount, currency, ${iso('pay_by')} AS "payBy",
         ${iso('accepted_at')} AS "acceptedAt", ${iso('created_at')} AS "storedAt", ${iso('updated_at')} AS "changedAt"
    FROM orders WHERE id = $1`;
const eventsSql = `
  SELECT e.seq, e.version, e.type, ${iso('e.created_at')} AS at, e.data,
         ARRAY(SELECT o.consumer FROM outbox o WHERE o.seq = e.seq AND o.consumer = ANY('{stock,subscribers}')) AS untold
    FROM order_events e WHERE e.order_id = $1 ORDER BY e.version`;
const paymentsSql = `
  SELECT id, state, amount, ${iso('created_at')} AS at, reason,
         taken_by AS "takenBy", provider_id AS "providerId"
    FROM payments WHERE order_id = $1 ORDER BY created_at`;
const refundsSql = `
  SELECT id, payment_id AS "paymentId", state, reason, ${iso('created_at')} AS at, last_error AS "lastError"
    FROM refunds WHERE order_id = $1 ORDER BY created_at`;
const behindSql = `
  SELECT 'subscriber ' || s.name AS consumer, d.next_version AS version
    FROM subscribers s JOIN deliveries d ON d.subscriber_id = s.id AND d.order_id = $1 ORDER BY s.name`;

const detailsSql = `
  SELECT ${iso('updated_at')} AS "givenAt", ${iso('erase_at')} AS "eraseAt" FROM order_details WHERE order_id = $1`;

/**
 * Reads an order's dossier; null when its id is no order id, or nobody knows it. A store that does not answer is named in
 * `away`, and the others are told of all the same; when none answers it throws.
 */
export async function readOrderDossier(deps: Deps, orderId: string): Promise<OrderDossier | null> {
  const saleId = saleIdOfOrder(orderId);
  if (saleId === null) return null;
  const away: string[] = [];
  async function ask<T>(store: string, work: Promise<T>, otherwise: T): Promise<T> {
    return work.catch((error: unknown) => {
      away.push(`${store}: ${error instanceof Error ? error.message : String(error)}`);
      return otherwise;
    });
  }
  const asked = ask('PostgreSQL', readDatabase(deps.pool, orderId), nothingStored);
  const timerOf = ({ order }: FromDatabase) =>
    order?.state === 'awaiting_payment' ? readOrderTimer(deps.queueRedis, order.payBy) : null;
  const [database, stock, [jobs, timer]] = await Promise.all([
    asked,
    ask('stock Redis', readStock(deps.stock, orderId, saleId), { reservation: null, shown: null, settled: null }),
    ask('queue Redis', Promise.all([readJobs(deps.queueRedis, saleId, orderId), asked.then(timerOf)]), nothingQueued),
  ]);
  if (away.length === 3) throw new Error(`no store answers: ${away.join('; ')}`);
  const { reservation, shown, settled } = stock;
  if (away.length === 0 && database.order === null && reservation === null && jobs.length === 0) return null;
  const isInLine = database.order === null && reservation?.state === 'held' && settled !== null;
  const ahead = isInLine ? Math.max(0, reservation.place - reservation.units - settled) : null;
  return { orderId, saleId, ...database, reservation, shown, ahead, jobs, timer, away };
}

type FromDatabase = Pick<OrderDossier, 'order' | 'events' | 'payments' | 'refunds' | 'untold' | 'details'>;
const nothingQueued: [DossierJob[], OrderTimer | null] = [[], null];
const nothingStored: FromDatabase = { order: null, events: [], payments: [], refunds: [], untold: [], details: null };

async function readDatabase(pool: Deps['pool'], orderId: string): Promise<FromDatabase> {
  const query = async <Row extends object>(text: string) => (await pool.query<Row>(text, [orderId])).rows;
  const [[order], events, payments, refunds, behind, [details]] = await Promise.all([
    query<OrderRow>(orderSql),
    query<DossierEvent & { untold: string[] }>(eventsSql),
    query<DossierPayment>(paymentsSql),
    query<DossierRefund>(refundsSql),
    query<{ consumer: string; version: number }>(behindSql),
    query<{ givenAt: string; eraseAt: string }>(detailsSql),
  ]);
  return {
    order: order ?? null,
    events: events.map(({ untold: _untold, ...event }) => event),
    payments,
    refunds,
    details: details ?? null,
    untold: [...events.flatMap(({ version, untold }) => untold.map((consumer) => ({ consumer, version }))), ...behind],
  };
}

async function readStock(stock: Deps['stock'], orderId: string, saleId: string) {
  const [reservation, shown, sale] = await Promise.all([
    stock.reservation(orderId),
    stock.shown(orderId),
    stock.sale(saleId),
  ]);
  return { reservation, shown, settled: sale === null ? null : sale.committed + sale.skipped };
}

/** Jobs of the queues whose jobs are named after orders, and the chunk that the order is in. */
async function readJobs(queueRedis: Redis, saleId: string, orderId: string): Promise<DossierJob[]> {
  const found = await Promise.all(
    [queueNames.orders, queueNames.expiry].map(async (name) => {
      const queue = new Queue(name, { connection: queueRedis, prefix: queuePrefix, skipVersionCheck: true });
      queue.on('error', () => {}); // the calls below reject with it
      // First the chunk: an order travels from there to a job of its own.
      const chunk = name === queueNames.orders ? await findChunkOf(queue, saleId, orderId) : null;
      const job: Job | undefined = await queue.getJob(orderId);
      const jobs: [Job, number | null][] = [];
      if (chunk !== null) jobs.push([chunk.job, chunk.jobsAhead]);
      if (job !== undefined) jobs.push([job, null]);
      return Promise.all(jobs.map(([each, jobsAhead]) => describeJob(queueRedis, queue, each, jobsAhead)));
    }),
  );
  return found.flat();
}

async function describeJob(queueRedis: Redis, queue: Queue, job: Job, jobsAhead: number | null): Promise<DossierJob> {
  const id = job.id ?? '';
  // BullMQ's score of a delayed job: Unix ms times 4,096, and a count.
  const [state, score] = await Promise.all([job.getState(), queueRedis.zscore(queue.toKey('delayed'), id)]);
  const dueAt = score === null ? null : new Date(Math.floor(Number(score) / 0x1000)).toISOString();
  const chunk = jobsAhead === null ? null : { orders: parseChunkId(id)?.count ?? 1, jobsAhead };
  return { queue: queue.name, state, tries: job.attemptsMade, dueAt, reason: job.failedReason ?? null, chunk };
}
