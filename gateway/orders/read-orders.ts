import type { Redis } from 'ioredis';
import { saleIdOfOrder } from '#contract/order.ts';
import type { StoredOrderState } from '#contract/order-events.ts';
import { saleKeys } from '#contract/redis-keys.ts';
import { parseReservation, type Reservation } from '#contract/reservation.ts';
import { parseShownOrder, type ShownOrder } from '#contract/shown-order.ts';
import { createMicroBatcher } from '#runtime/micro-batch.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import { createBarrier } from '#stock/barrier.ts';

/** An order as stock Redis has it: its reservation, and the picture of its row once there is one. */
export type OrderRecord = { orderId: string; saleId: string; reservation: Reservation; shown: ShownOrder | null };

type Row = { id: string; version: number; state: StoredOrderState; amount: number; currency: string; pay_by: Date };

const batchSize = 500;
/** Of what PostgreSQL is asked for: at most twenty questions a second, however many shoppers look. */
const databaseWaitMs = 50;

/**
 * Reads orders out of stock Redis, those that are asked for in the same millisecond together: two commands a sale,
 * however many they are. PostgreSQL is asked for a stored order whose picture is missing (a rebuilt stock Redis), and
 * for nothing else. Null: no such order. Rejects while stock Redis is away, and for an order that nothing but its reservation
 * knows while too few replicas have it: `queued` is a yes.
 */
export type ReadOrder = (orderId: string) => Promise<OrderRecord | null>;

export function createOrderReader(deps: {
  /** Kind `hot`: what was read over a connection that broke is rejected, not read again over the next. */
  redis: Redis;
  /** How many replicas of it must have an order that is not stored yet. */
  replicas: number;
  pool: Pick<Pool, 'query'>;
}): ReadOrder {
  const { redis, replicas, pool } = deps;
  const barrier = createBarrier(redis, { replicas });

  const fromRedis = createMicroBatcher<string, { record: OrderRecord | null }>({
    maxSize: batchSize,
    maxWaitMs: 0,
    handle: async (orderIds) => {
      const bySale = Map.groupBy(new Set(orderIds), (orderId) => saleIdOfOrder(orderId));
      const found = new Map<string, OrderRecord | Error>();
      const ofSale = async (saleId: string, ids: string[]) => {
        const keys = saleKeys(saleId);
        const [records, pictures] = await Promise.all([
          redis.hmget(keys.reservations, ...ids),
          redis.hmget(keys.orders, ...ids),
        ]);
        for (const [index, orderId] of ids.entries()) {
          const [text, picture] = [records[index], pictures[index]];
          if (typeof text === 'string') found.set(orderId, parse(orderId, saleId, text, picture ?? null));
        }
      };
      await Promise.all([...bySale].map(([saleId, ids]) => (saleId === null ? undefined : ofSale(saleId, ids))));
      const queued = [...found.values()].find(isQueued);
      if (queued !== undefined) await barrier.behind(queued.saleId, async () => undefined);
      return orderIds.map((orderId) => {
        const record = found.get(orderId) ?? null;
        return record instanceof Error ? record : { record };
      });
    },
  });

  const fromDatabase = createMicroBatcher<string, { shown: ShownOrder | null }>({
    maxSize: batchSize,
    maxWaitMs: databaseWaitMs,
    handle: async (orderIds) => {
      const { rows } = await pool.query<Row>({
        name: 'orders-without-picture',
        text: 'SELECT id, version, state, amount, currency, pay_by FROM orders WHERE id = ANY($1)',
        values: [orderIds],
      });
      const shown = new Map(
        rows.map(({ id, version, state, amount, currency, pay_by: payBy }) => [
          id,
          { version, state, payByMs: payBy.getTime(), amount, currency },
        ]),
      );
      return orderIds.map((orderId) => ({ shown: shown.get(orderId) ?? null }));
    },
  });

  return async (orderId) => {
    const { record } = await fromRedis.add(orderId);
    if (record === null || record.shown !== null || record.reservation.state === 'held') return record;
    return { ...record, ...(await fromDatabase.add(orderId)) };
  };
}

/** A row came through the relay, which moves only what the replicas have; an order that has ended is no yes. */
const isQueued = (record: OrderRecord | Error): record is OrderRecord =>
  !(record instanceof Error) && record.shown === null && record.reservation.state === 'held';

/** A record that cannot be read is its own order's trouble alone. */
function parse(orderId: string, saleId: string, text: string, picture: string | null): OrderRecord | Error {
  try {
    const shown = picture === null ? null : parseShownOrder(picture);
    return { orderId, saleId, reservation: parseReservation(text), shown };
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
