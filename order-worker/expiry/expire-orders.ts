import { inTransaction, type Pool } from '#runtime/postgres/connect.ts';
import { type MovedOrder, moveOrders } from '../orders/move-orders.ts';

export type ExpiryOutcome =
  | { kind: 'expired' }
  /** Its time is not over by the database's clock: this long it still has. */
  | { kind: 'early'; dueInMs: number }
  /** Paid, cancelled or expired before, or no such order: nothing to do. */
  | { kind: 'settled' };

const earlySql = `
  SELECT id, greatest(1, ceil(extract(epoch FROM pay_by - now()) * 1000))::int AS due_in_ms
    FROM orders WHERE id = ANY($1) AND state = 'awaiting_payment'`;

/**
 * The oldest overdue orders, along the index `orders_unpaid`. Rows that somebody has in hand (a payment, an expiry
 * elsewhere) are passed over: a sweep waits for nobody, and two of them share the work.
 */
export const overdueSql = `
  SELECT id FROM orders
   WHERE state = 'awaiting_payment' AND pay_by < now() - make_interval(secs => $1)
   ORDER BY pay_by OFFSET $2 LIMIT $3 FOR UPDATE SKIP LOCKED`;

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

  return {
    /** Expires those of these orders that are unpaid and overdue. Outcomes in the order of `orderIds`. */
    async expire(orderIds: readonly string[]): Promise<ExpiryOutcome[]> {
      const { moved, early } = await inTransaction(pool, async (client) => {
        const moved = await moveOrders(client, { orderIds, ...move });
        const movedIds = new Set(moved.map((order) => order.orderId));
        const rest = orderIds.filter((id) => !movedIds.has(id));
        if (rest.length === 0) return { moved, early: new Map<string, number>() };
        const { rows } = await client.query<{ id: string; due_in_ms: number }>({
          name: 'early-orders',
          text: earlySql,
          values: [rest],
        });
        return { moved, early: new Map(rows.map((row) => [row.id, row.due_in_ms])) };
      });
      if (moved.length > 0) onExpired(moved, 'job');
      const expired = new Set(moved.map((order) => order.orderId));
      return orderIds.map((id) => {
        if (expired.has(id)) return { kind: 'expired' };
        const dueInMs = early.get(id);
        return dueInMs === undefined ? { kind: 'settled' } : { kind: 'early', dueInMs };
      });
    },

    /** Of the unpaid orders that are overdue by `overdueMs`, expires the oldest `limit` after `skip`; returns how many. */
    async expireOverdue(overdueMs: number, limit: number, skip = 0): Promise<number> {
      const moved = await inTransaction(pool, async (client) => {
        const { rows } = await client.query<{ id: string }>({
          name: 'overdue-orders',
          text: overdueSql,
          values: [overdueMs / 1000, skip, limit],
        });
        return moveOrders(client, { orderIds: rows.map((row) => row.id), ...move, data: { foundBy: 'sweep' } });
      });
      if (moved.length > 0) onExpired(moved, 'sweep');
      return moved.length;
    },
  };
}
