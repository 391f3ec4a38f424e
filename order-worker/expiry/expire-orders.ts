import { inTransaction, type Pool, type PoolClient } from '#runtime/postgres/connect.ts';
import { type MovedOrder, moveOrders } from '../orders/move-orders.ts';
import { gapsBetween } from './gaps.ts';

export type ExpiryOutcome =
  | { kind: 'expired' }
  /** Its time is not over by the database's clock: this long it still has. */
  | { kind: 'early'; dueInMs: number }
  /** Its time is over, and its row is locked (by a payment, a sweep). */
  | { kind: 'locked' }
  /** Paid, cancelled or expired before, or no such order: nothing to do. */
  | { kind: 'settled' };

/** An unpaid order and where it stands in its second: `payBy` as PostgreSQL writes it, to the microsecond. */
export type DueOrder = { orderId: string; payBy: string };

const unlockedSql = 'SELECT id FROM orders WHERE id = ANY($1) FOR UPDATE SKIP LOCKED';

const leftSql = `
  SELECT id, ceil(extract(epoch FROM pay_by - now()) * 1000)::int8 AS "dueInMs"
    FROM orders WHERE id = ANY($1) AND state = 'awaiting_payment'`;

const untilSql = `
  SELECT greatest(0, ceil(extract(epoch FROM to_timestamp($1::float8) - clock_timestamp()) * 1000))::int8 AS ms`;

/** The unpaid orders of a timer's second, along the index `orders_unpaid`, from behind a place on. They are not locked. */
export const unpaidSql = `
  SELECT id AS "orderId", pay_by::text AS "payBy" FROM orders
   WHERE state = 'awaiting_payment' AND pay_by >= to_timestamp($1::float8 - 1) AND pay_by < to_timestamp($1::float8)
     AND (pay_by, id) > ($2::timestamptz, $3)
   ORDER BY pay_by, id LIMIT $4`;

/**
 * The oldest overdue orders in the gaps between the seconds of some timers, each gap along the index `orders_unpaid`. Rows that
 * another transaction has locked (a payment, an expiry elsewhere) are passed over: a sweep never waits, and two of them share the work.
 */
export const overdueSql = `
  SELECT late.id FROM unnest($1::float8[], $2::float8[]) AS gap(since, until) CROSS JOIN LATERAL (
    SELECT id FROM orders
     WHERE state = 'awaiting_payment' AND pay_by >= to_timestamp(gap.since)
       AND pay_by < least(to_timestamp(gap.until), now() - make_interval(secs => $3))
     ORDER BY pay_by LIMIT $4::int + $5::int FOR UPDATE SKIP LOCKED
  ) late OFFSET $4::int LIMIT $5::int`;

/**
 * How orders expire in PostgreSQL, a batch in a transaction. Whether one is overdue is asked of the database's clock
 * alone: a worker whose clock runs ahead takes nobody's time. `onExpired` follows the commit.
 */
export type Expiry = ReturnType<typeof createExpiry>;

export function createExpiry(deps: {
  pool: Pool;
  onExpired: (orders: readonly MovedOrder[], foundBy: 'job' | 'sweep') => void;
}) {
  const { pool, onExpired } = deps;
  const move = { from: 'awaiting_payment', to: 'expired', overdueOnly: true } as const;

  async function lockFree(client: PoolClient, orderIds: readonly string[]): Promise<string[]> {
    const query = { name: 'lock-free-orders', text: unlockedSql, values: [orderIds] };
    return (await client.query<{ id: string }>(query)).rows.map(({ id }) => id);
  }

  return {
    /**
     * Expires those of these orders that are unpaid and overdue. Outcomes in the order of `orderIds`. Rows that are
     * locked are waited for, or passed over.
     */
    async expire(orderIds: readonly string[], inHand: 'wait' | 'pass over' = 'wait'): Promise<ExpiryOutcome[]> {
      const { moved, left } = await inTransaction(pool, async (client) => {
        const free = inHand === 'wait' ? orderIds : await lockFree(client, orderIds);
        const moved = await moveOrders(client, { orderIds: free, ...move });
        const movedIds = new Set(moved.map((order) => order.orderId));
        const rest = orderIds.filter((id) => !movedIds.has(id));
        if (rest.length === 0) return { moved, left: new Map<string, number>() };
        const { rows } = await client.query<{ id: string; dueInMs: number }>({
          name: 'orders-left',
          text: leftSql,
          values: [rest],
        });
        return { moved, left: new Map(rows.map((row) => [row.id, row.dueInMs])) };
      });
      if (moved.length > 0) onExpired(moved, 'job');
      const expired = new Set(moved.map((order) => order.orderId));
      return orderIds.map((id) => {
        if (expired.has(id)) return { kind: 'expired' };
        const dueInMs = left.get(id);
        if (dueInMs === undefined) return { kind: 'settled' };
        return dueInMs > 0 ? { kind: 'early', dueInMs } : { kind: 'locked' };
      });
    },

    /** How long it is until a timer's second by the database's clock, in ms; 0 when it has begun. */
    async msUntil(second: number): Promise<number> {
      const { rows } = await pool.query<{ ms: number }>({ name: 'until-second', text: untilSql, values: [second] });
      return rows[0]?.ms ?? 0;
    },

    /** At most `limit` unpaid orders of a timer's second: those behind `after`, the first ones when that is null. */
    async unpaidOf(second: number, after: DueOrder | null, limit: number): Promise<DueOrder[]> {
      const { payBy, orderId } = after ?? { payBy: '-infinity', orderId: '' };
      const values = [second, payBy, orderId, limit];
      return (await pool.query<DueOrder>({ name: 'unpaid-of-second', text: unpaidSql, values })).rows;
    },

    /**
     * Of the unpaid orders that are overdue by `overdueMs`, expires the oldest `limit` after `skip`; those of the seconds
     * `inHand` are left to their timers. Returns how many expired.
     */
    async expireOverdue(options: {
      overdueMs: number;
      limit: number;
      skip?: number;
      inHand?: readonly number[];
    }): Promise<number> {
      const { overdueMs, limit, skip = 0, inHand = [] } = options;
      const gaps = gapsBetween(inHand);
      const moved = await inTransaction(pool, async (client) => {
        const { rows } = await client.query<{ id: string }>({
          name: 'overdue-orders',
          text: overdueSql,
          values: [gaps.map(({ since }) => since), gaps.map(({ until }) => until), overdueMs / 1000, skip, limit],
        });
        return moveOrders(client, { orderIds: rows.map((row) => row.id), ...move, data: { foundBy: 'sweep' } });
      });
      if (moved.length > 0) onExpired(moved, 'sweep');
      return moved.length;
    },
  };
}
