import { eventIdOf } from '#contract/cloud-events.ts';
import type { OrderEventType } from '#contract/order-events.ts';
import { inTransaction, type Pool, type PoolClient } from '#runtime/postgres.ts';

/** Something of an order waits for a subscriber, from this version on. */
export type Waiting = { orderId: string; firstVersion: number };

/** Tells apart what waits now from what waited of the same order before. It is the id of the first event that waits. */
export const waitingId = ({ orderId, firstVersion }: Waiting): string => eventIdOf(orderId, firstVersion);

/** An event out of the order's history, as it is stored. */
export type StoredEvent = {
  seq: number;
  orderId: string;
  version: number;
  type: OrderEventType;
  data: Record<string, unknown>;
  at: Date;
};

/** What waits of one order: every event of it that was not delivered, oldest first, up to `lastVersion`. */
export type Pending = { lastVersion: number; events: StoredEvent[] };

type EventRow = {
  seq: number;
  order_id: string;
  version: number;
  type: OrderEventType;
  data: Record<string, unknown>;
  created_at: Date;
};

const toEvent = (row: EventRow): StoredEvent => ({
  seq: row.seq,
  orderId: row.order_id,
  version: row.version,
  type: row.type,
  data: row.data,
  at: row.created_at,
});

const toWaiting = (row: { order_id: string; first_version: number }): Waiting => ({
  orderId: row.order_id,
  firstVersion: row.first_version,
});

/**
 * What subscribers still have to be told. Rows are locked in the order of subscriber and order id everywhere, so that
 * whoever adds and whoever takes out wait for each other and do not block each other.
 */
export type DeliveryStore = ReturnType<typeof createDeliveryStore>;

export function createDeliveryStore(pool: Pool) {
  return {
    /**
     * Notes these events for every subscriber that gets them, in the caller's transaction. Returns what has to be in the
     * queue of each: subscribers in `queueable` have room in theirs, for the others it waits here.
     */
    async note(
      client: Pick<PoolClient, 'query'>,
      seqs: readonly number[],
      queueable: readonly number[],
    ): Promise<Map<number, Waiting[]>> {
      // Whoever takes a subscriber out waits for this transaction, and finds what it noted.
      await client.query('SELECT FROM subscribers FOR KEY SHARE');
      const { rows } = await client.query<{
        subscriber_id: number;
        order_id: string;
        first_version: number;
        is_queued: boolean;
      }>({
        name: 'note-deliveries',
        text: `INSERT INTO deliveries AS d (subscriber_id, order_id, first_version, next_version, last_version, is_queued, since)
               SELECT s.id, e.order_id, min(e.version), min(e.version), max(e.version), s.id = ANY($2), min(e.created_at)
                 FROM order_events e JOIN subscribers s
                   ON s.state <> 'removing' AND e.seq > s.after_seq AND (s.types IS NULL OR e.type = ANY(s.types))
                WHERE e.seq = ANY($1)
                GROUP BY s.id, e.order_id ORDER BY s.id, e.order_id
               ON CONFLICT (subscriber_id, order_id) DO UPDATE
                 SET last_version = greatest(d.last_version, excluded.last_version)
               RETURNING subscriber_id, order_id, first_version, is_queued`,
        values: [seqs, queueable],
      });
      const queued = rows.filter((row) => row.is_queued);
      return new Map(
        [...Map.groupBy(queued, (row) => row.subscriber_id)].map(([id, of]) => [id, of.map(toWaiting)] as const),
      );
    },

    /** What waits of these orders, by {@link waitingId}; those of which nothing waits from that version on are left out. */
    async pending(subscriberId: number, orders: readonly Waiting[]): Promise<Map<string, Pending>> {
      const { rows } = await pool.query<EventRow & { first_version: number; last_version: number }>({
        name: 'pending-deliveries',
        text: `SELECT d.first_version, d.last_version, e.seq, e.order_id, e.version, e.type, e.data, e.created_at
                 FROM unnest($2::text[], $3::int[]) AS asked (order_id, first_version)
                 JOIN deliveries d ON d.subscriber_id = $1 AND d.order_id = asked.order_id
                  AND d.first_version = asked.first_version
                 JOIN order_events e ON e.order_id = d.order_id AND e.version BETWEEN d.next_version AND d.last_version
                ORDER BY e.order_id, e.version`,
        values: [subscriberId, orders.map(({ orderId }) => orderId), orders.map(({ firstVersion }) => firstVersion)],
      });
      const found = new Map<string, Pending>();
      for (const row of rows) {
        const id = waitingId(toWaiting(row));
        const pending = found.get(id) ?? { lastVersion: row.last_version, events: [] };
        pending.events.push(toEvent(row));
        found.set(id, pending);
      }
      return found;
    },

    /**
     * Takes out what was delivered, up to `upTo` of each order. Returns those of which more waits, by {@link waitingId}: they
     * were told of a later event in the meantime, or their delivery went only part of the way.
     */
    async delivered(
      subscriberId: number,
      orders: readonly (Waiting & { upTo: number })[],
    ): Promise<ReadonlySet<string>> {
      const values = [
        subscriberId,
        orders.map(({ orderId }) => orderId),
        orders.map(({ firstVersion }) => firstVersion),
        orders.map(({ upTo }) => upTo),
      ];
      const asked = 'unnest($2::text[], $3::int[], $4::int[]) AS asked (order_id, first_version, up_to)';
      const same = 'd.subscriber_id = $1 AND d.order_id = asked.order_id AND d.first_version = asked.first_version';
      const { rowCount } = await pool.query({
        name: 'delivered',
        text: `WITH done AS (
                 SELECT d.order_id FROM ${asked} JOIN deliveries d ON ${same}
                  WHERE d.last_version <= asked.up_to ORDER BY d.order_id FOR UPDATE OF d)
               DELETE FROM deliveries USING done WHERE subscriber_id = $1 AND deliveries.order_id = done.order_id`,
        values,
      });
      if (rowCount === orders.length) return new Set();
      // Only last_version can have grown since, so what is left here has more to come.
      const { rows } = await pool.query<{ order_id: string; first_version: number }>({
        name: 'delivered-partly',
        text: `WITH partly AS (
                 SELECT d.order_id, asked.up_to FROM ${asked} JOIN deliveries d ON ${same}
                  ORDER BY d.order_id FOR UPDATE OF d)
               UPDATE deliveries d SET next_version = greatest(d.next_version, partly.up_to + 1) FROM partly
                WHERE d.subscriber_id = $1 AND d.order_id = partly.order_id
               RETURNING d.order_id, d.first_version`,
        values,
      });
      return new Set(rows.map((row) => waitingId(toWaiting(row))));
    },

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

    /** Events of the past, by version: what a replay's job sends. */
    async history(orderId: string, firstVersion: number, lastVersion: number): Promise<StoredEvent[]> {
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
