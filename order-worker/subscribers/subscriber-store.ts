import type { OrderEventType } from '#contract/order-events.ts';
import type { DeliverySettings } from '#contract/subscribers.ts';
import { inTransaction, type Pool } from '#runtime/postgres/connect.ts';

export type Subscriber = DeliverySettings & {
  id: number;
  name: string;
  url: string;
  /** Its URL may point into the inner network. */
  allowInner: boolean;
  /** It is entitled to contact and address of shoppers. */
  personal: boolean;
  /** The secrets that sign, newest first: while one is being replaced there are two. */
  secrets: [string, ...string[]];
  /** Null: every type. */
  types: OrderEventType[] | null;
  state: 'active' | 'paused' | 'removing';
  pausedWhy: string | null;
  /** Since when nothing gets through; null while it answers. */
  failingSince: Date | null;
  lastError: string | null;
  /** It gets the events after this one; null while it is being added. */
  afterSeq: number | null;
  createdAt: Date;
};

export type NewSubscriber = DeliverySettings &
  Pick<Subscriber, 'name' | 'url' | 'allowInner' | 'types'> & { secret: string; personal?: boolean };

type Row = {
  id: number;
  name: string;
  url: string;
  allow_inner: boolean;
  personal: boolean;
  secrets: [string, ...string[]];
  types: OrderEventType[] | null;
  rate_per_second: number | null;
  concurrency: number;
  batch_size: number;
  tries: number;
  first_wait_ms: number;
  longest_wait_ms: number;
  state: Subscriber['state'];
  paused_why: string | null;
  failing_since: Date | null;
  last_error: string | null;
  after_seq: number | null;
  created_at: Date;
};

const columns = `id, name, url, allow_inner, personal, types, rate_per_second, concurrency, batch_size, tries,
  first_wait_ms, longest_wait_ms, state, paused_why, failing_since, last_error, after_seq, created_at,
  CASE WHEN old_secret_until > now() THEN ARRAY[secret, old_secret] ELSE ARRAY[secret] END AS secrets`;

function toSubscriber(row: Row): Subscriber {
  return {
    id: row.id,
    name: row.name,
    url: row.url,
    allowInner: row.allow_inner,
    personal: row.personal,
    secrets: row.secrets,
    types: row.types,
    ratePerSecond: row.rate_per_second,
    concurrency: row.concurrency,
    batchSize: row.batch_size,
    retry: { tries: row.tries, firstMs: row.first_wait_ms, longestMs: row.longest_wait_ms },
    state: row.state,
    pausedWhy: row.paused_why,
    failingSince: row.failing_since,
    lastError: row.last_error,
    afterSeq: row.after_seq,
    createdAt: row.created_at,
  };
}

/** Who is told about orders. */
export type SubscriberStore = ReturnType<typeof createSubscriberStore>;

export function createSubscriberStore(pool: Pool) {
  const changed = async (sql: string, values: unknown[]) => ((await pool.query(sql, values)).rowCount ?? 0) > 0;

  return {
    async list(): Promise<Subscriber[]> {
      const { rows } = await pool.query<Row>(`SELECT ${columns} FROM subscribers ORDER BY name`);
      return rows.map(toSubscriber);
    },

    async find(name: string): Promise<Subscriber | null> {
      const { rows } = await pool.query<Row>(`SELECT ${columns} FROM subscribers WHERE name = $1`, [name]);
      return rows[0] === undefined ? null : toSubscriber(rows[0]);
    },

    /** False when the name is taken. The subscriber gets nothing before {@link begin}. */
    add(subscriber: NewSubscriber): Promise<boolean> {
      const { name, url, allowInner, secret, types, ratePerSecond, concurrency, batchSize, retry } = subscriber;
      const { personal = false } = subscriber;
      return changed(
        `INSERT INTO subscribers (name, url, allow_inner, secret, types, rate_per_second, concurrency, batch_size, tries,
           first_wait_ms, longest_wait_ms, personal) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (name) DO NOTHING`,
        [
          name,
          url,
          allowInner,
          secret,
          types,
          ratePerSecond,
          concurrency,
          batchSize,
          retry.tries,
          retry.firstMs,
          retry.longestMs,
          personal,
        ],
      );
    },

    /**
     * Lets those that were added begin: with every event whose number is given out from now on. In its own transaction,
     * after the row is committed: the trigger that fills the outbox runs after an event has its number, so it sees the
     * subscriber for each of those numbers, and none falls between (max(seq) would leave out what is not committed yet).
     */
    async begin(): Promise<void> {
      await pool.query(
        `UPDATE subscribers SET after_seq = coalesce(
           pg_sequence_last_value(pg_get_serial_sequence('order_events', 'seq')::regclass), 0)
         WHERE after_seq IS NULL`,
      );
    },

    /** Changes how it is served; what waits for it stays. False when there is none. */
    change(name: string, to: DeliverySettings & Pick<Subscriber, 'url' | 'allowInner' | 'personal'>): Promise<boolean> {
      return changed(
        `UPDATE subscribers SET url = $2, allow_inner = $3, rate_per_second = $4, concurrency = $5, batch_size = $6,
           tries = $7, first_wait_ms = $8, longest_wait_ms = $9, personal = $10 WHERE name = $1`,
        [
          name,
          to.url,
          to.allowInner,
          to.ratePerSecond,
          to.concurrency,
          to.batchSize,
          to.retry.tries,
          to.retry.firstMs,
          to.retry.longestMs,
          to.personal,
        ],
      );
    },

    /** Nothing is sent any more, and what happens is kept for later. False when it was not active. */
    pause: (name: string, why: string | null): Promise<boolean> =>
      changed("UPDATE subscribers SET state = 'paused', paused_why = $2 WHERE name = $1 AND state = 'active'", [
        name,
        why,
      ]),

    /** False when it was not paused. */
    resume: (name: string): Promise<boolean> =>
      changed(
        `UPDATE subscribers SET state = 'active', paused_why = NULL, failing_since = NULL, last_error = NULL
          WHERE name = $1 AND state = 'paused'`,
        [name],
      ),

    /** The old secret signs as well until `graceMs` are over. */
    rotateSecret: (name: string, secret: string, graceMs: number): Promise<boolean> =>
      changed(
        `UPDATE subscribers SET old_secret = secret, old_secret_until = now() + make_interval(secs => $3 / 1000.0),
           secret = $2 WHERE name = $1`,
        [name, secret, graceMs],
      ),

    /** Notes that nothing gets through, and why. The first one to notice says since when. */
    failing: (id: number, error: string): Promise<boolean> =>
      changed('UPDATE subscribers SET failing_since = coalesce(failing_since, now()), last_error = $2 WHERE id = $1', [
        id,
        error,
      ]),

    /** It answers again. True for the one who noticed first, and only when it had failed for `leastMs`. */
    async well(id: number, leastMs: number): Promise<boolean> {
      const { rows } = await pool.query<{ was_long: boolean }>(
        `WITH before AS (SELECT id, failing_since FROM subscribers WHERE id = $1 AND failing_since IS NOT NULL FOR UPDATE)
         UPDATE subscribers SET failing_since = NULL, last_error = NULL FROM before WHERE subscribers.id = before.id
         RETURNING before.failing_since < now() - make_interval(secs => $2 / 1000.0) AS was_long`,
        [id, leastMs],
      );
      return rows[0]?.was_long ?? false;
    },

    /** From now on no event is noted for it. False when there is none. */
    startRemoving: (name: string): Promise<boolean> =>
      changed("UPDATE subscribers SET state = 'removing' WHERE name = $1", [name]),

    /** Takes it out, and what is left of its deliveries: whoever was adding some holds the row until they are there. */
    async finishRemoving(id: number): Promise<void> {
      await inTransaction(pool, async (client) => {
        await client.query('DELETE FROM subscribers WHERE id = $1', [id]);
        await client.query('DELETE FROM deliveries WHERE subscriber_id = $1', [id]);
      });
      // What nobody is left to be told of, and nobody would take away. By itself: a worker that is just looking locks
      // these rows first, and subscribers second.
      await pool.query("DELETE FROM outbox WHERE consumer = 'subscribers' AND NOT EXISTS (SELECT FROM subscribers)");
    },
  };
}
