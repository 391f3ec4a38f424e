import { inTransaction, type Pool } from '#runtime/postgres/connect.ts';
import { toWaiting, type Waiting } from './delivery-store.ts';

/** What waits for a subscriber, seen from its queue and by ops: what has room in the queue, how much waits, and giving up. */
export type DeliveryBacklog = ReturnType<typeof createDeliveryBacklog>;

export function createDeliveryBacklog(pool: Pool) {
  return {
    /** Takes the oldest of what waits outside of the queue, at most `limit`, for the caller to put into it. */
    takeUnqueued: (subscriberId: number, limit: number): Promise<Waiting[]> =>
      inTransaction(pool, async (client) => {
        const { rows } = await client.query<{ order_id: string; first_version: number }>({
          name: 'take-unqueued',
          text: `WITH oldest AS (
                   SELECT order_id FROM deliveries WHERE subscriber_id = $1 AND NOT is_queued
                    ORDER BY since LIMIT $2 FOR UPDATE SKIP LOCKED)
                 UPDATE deliveries d SET is_queued = true FROM oldest
                  WHERE d.subscriber_id = $1 AND d.order_id = oldest.order_id
                 RETURNING d.order_id, d.first_version`,
          values: [subscriberId, limit],
        });
        return rows.map(toWaiting);
      }),

    /** One page of a walk over everything that waits for a subscriber, by order id. */
    async page(
      subscriberId: number,
      afterOrderId: string,
      limit: number,
    ): Promise<(Waiting & { isQueued: boolean; since: Date })[]> {
      const { rows } = await pool.query<{ order_id: string; first_version: number; is_queued: boolean; since: Date }>({
        name: 'deliveries-page',
        text: `SELECT order_id, first_version, is_queued, since FROM deliveries
                WHERE subscriber_id = $1 AND order_id > $2 ORDER BY order_id LIMIT $3`,
        values: [subscriberId, afterOrderId, limit],
      });
      return rows.map((row) => ({ ...toWaiting(row), isQueued: row.is_queued, since: row.since }));
    },

    /** How much waits outside of the queue, and since when the oldest of it does. */
    async unqueued(subscriberId: number): Promise<{ orders: number; since: Date | null }> {
      const { rows } = await pool.query<{ orders: number; since: Date | null }>(
        'SELECT count(*) AS orders, min(since) AS since FROM deliveries WHERE subscriber_id = $1 AND NOT is_queued',
        [subscriberId],
      );
      return rows[0] ?? { orders: 0, since: null };
    },

    /** Forgets what waits, a page at a time; returns how many rows went. */
    async forget(subscriberId: number, limit: number): Promise<number> {
      const { rowCount } = await pool.query(
        `DELETE FROM deliveries WHERE subscriber_id = $1 AND order_id = ANY(ARRAY(
           SELECT order_id FROM deliveries WHERE subscriber_id = $1 ORDER BY order_id LIMIT $2))`,
        [subscriberId, limit],
      );
      return rowCount ?? 0;
    },

    /** What waits of one order, null when nothing does. */
    async waitingOf(subscriberId: number, orderId: string): Promise<(Waiting & { nextVersion: number }) | null> {
      const { rows } = await pool.query<{ order_id: string; first_version: number; next_version: number }>(
        'SELECT order_id, first_version, next_version FROM deliveries WHERE subscriber_id = $1 AND order_id = $2',
        [subscriberId, orderId],
      );
      return rows[0] === undefined ? null : { ...toWaiting(rows[0]), nextVersion: rows[0].next_version };
    },

    /** Gives up on what waits of one order; events to come are delivered. False when nothing waited from there on. */
    async drop(subscriberId: number, { orderId, firstVersion }: Waiting): Promise<boolean> {
      const { rowCount } = await pool.query(
        'DELETE FROM deliveries WHERE subscriber_id = $1 AND order_id = $2 AND first_version = $3',
        [subscriberId, orderId, firstVersion],
      );
      return (rowCount ?? 0) > 0;
    },
  };
}
