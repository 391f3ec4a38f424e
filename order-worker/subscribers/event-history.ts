import type { OrderEventType } from '#contract/order-events.ts';
import { shadowSalePrefix } from '#contract/shadow-sale.ts';
import type { Pool, PoolClient } from '#runtime/postgres/connect.ts';

/** An event out of the order's history, as it is stored. */
export type StoredEvent = {
  seq: number;
  orderId: string;
  version: number;
  type: OrderEventType;
  data: Record<string, unknown>;
  at: Date;
};

/** What of one order is in a page. */
export type PageOrder = { orderId: string; firstVersion: number; lastVersion: number; events: number };

export type EventRow = {
  seq: number;
  order_id: string;
  version: number;
  type: OrderEventType;
  data: Record<string, unknown>;
  created_at: Date;
};

export const toEvent = (row: EventRow): StoredEvent => ({
  seq: row.seq,
  orderId: row.order_id,
  version: row.version,
  type: row.type,
  data: row.data,
  at: row.created_at,
});

/** Times before this long are taken along: an event has its time from the beginning of its transaction. */
const clockSlackMs = 10_000;

/** What happened to orders, as it is stored: where a time is in it, pages of it, and one order's part. */
export type EventHistory = ReturnType<typeof createEventHistory>;

export function createEventHistory(pool: Pool) {
  async function seqAtOrAfter(seq: number): Promise<{ seq: number; at: Date } | null> {
    const { rows } = await pool.query<{ seq: number; created_at: Date }>(
      'SELECT seq, created_at FROM order_events WHERE seq >= $1 ORDER BY seq LIMIT 1',
      [seq],
    );
    return rows[0] === undefined ? null : { seq: rows[0].seq, at: rows[0].created_at };
  }
  const lastSeq = async () =>
    (await pool.query<{ seq: number | null }>('SELECT max(seq) AS seq FROM order_events')).rows[0]?.seq ?? 0;

  return {
    lastSeq,

    /**
     * The number of the first event at or after that time, by halving: events have numbers in the order of their time,
     * but for the seconds that a transaction takes, so it may be that of an event some seconds earlier.
     */
    async seqAt(time: Date): Promise<number> {
      const wanted = time.getTime() - clockSlackMs;
      let low = 1;
      let high = (await lastSeq()) + 1;
      while (low < high) {
        const middle = Math.floor((low + high) / 2);
        const found = await seqAtOrAfter(middle);
        if (found === null || found.at.getTime() >= wanted) high = middle;
        else low = found.seq + 1;
      }
      return low;
    },

    /** The orders with events after `afterSeq` and up to `toSeq`, of these types: of the first `limit` such events. */
    async page(
      client: PoolClient,
      range: { afterSeq: number; toSeq: number; types: readonly OrderEventType[] | null; limit: number },
    ): Promise<{ orders: PageOrder[]; lastSeq: number | null }> {
      const { rows } = await client.query<{
        order_id: string;
        first_version: number;
        last_version: number;
        events: number;
        last_seq: number;
      }>(
        `SELECT order_id, min(version) AS first_version, max(version) AS last_version, count(*) AS events,
                max(seq) AS last_seq
           FROM (SELECT seq, order_id, version FROM order_events
                  WHERE seq > $1 AND seq <= $2 AND ($3::text[] IS NULL OR type = ANY($3))
                    AND order_id NOT LIKE $5
                  ORDER BY seq LIMIT $4) AS page
          GROUP BY order_id ORDER BY min(seq)`,
        [range.afterSeq, range.toSeq, range.types, range.limit, `${shadowSalePrefix}%`],
      );
      return {
        orders: rows.map((row) => ({
          orderId: row.order_id,
          firstVersion: row.first_version,
          lastVersion: row.last_version,
          events: row.events,
        })),
        lastSeq: rows.length === 0 ? null : Math.max(...rows.map((row) => row.last_seq)),
      };
    },

    /** One order's events, by version: what a replay's job sends. */
    async ofOrder(orderId: string, firstVersion: number, lastVersion: number): Promise<StoredEvent[]> {
      const { rows } = await pool.query<EventRow>({
        name: 'order-history',
        text: `SELECT seq, order_id, version, type, data, created_at FROM order_events
                WHERE order_id = $1 AND version BETWEEN $2 AND $3 ORDER BY version`,
        values: [orderId, firstVersion, lastVersion],
      });
      return rows.map(toEvent);
    },
  };
}
