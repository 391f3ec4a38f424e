import { eventIdOf } from '#contract/cloud-events.ts';
import type { Pool, PoolClient } from '#runtime/postgres/connect.ts';
import { type EventRow, type StoredEvent, toEvent } from './event-history.ts';

/** Something of an order waits for a subscriber, from this version on. */
export type Waiting = { orderId: string; firstVersion: number };

/** Tells apart what waits now from what waited of the same order before. It is the id of the first event that waits. */
export const waitingId = ({ orderId, firstVersion }: Waiting): string => eventIdOf(orderId, firstVersion);

/** What waits of one order: every event of it that was not delivered, oldest first, up to `lastVersion`. */
export type Pending = { lastVersion: number; events: StoredEvent[] };

/** Of a row of `deliveries`. */
export const toWaiting = (row: { order_id: string; first_version: number }): Waiting => ({
  orderId: row.order_id,
  firstVersion: row.first_version,
});

/**
 * What subscribers still have to be told: how it is noted and taken out when it is delivered. The rest of what is done
 * with these rows is in delivery-backlog.ts. They are locked in the order of subscriber and order id everywhere, so that
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
  };
}
