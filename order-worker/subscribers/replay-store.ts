import { ulid } from 'ulid';
import type { OrderEventType } from '#contract/order-events.ts';
import { shadowSalePrefix } from '#contract/shadow-sale.ts';
import type { Pool, PoolClient } from '#runtime/postgres.ts';

export type Replay = {
  id: string;
  subscriberId: number;
  fromSeq: number;
  toSeq: number;
  /** The end of the page under way: events up to here are sent, in queue, or enqueued by the next pass if it runs on. */
  nextSeq: number;
  /** Events before the page under way, and orders of theirs that were given up on. */
  sent: number;
  failed: number;
  state: 'running' | 'done' | 'stopped';
  createdAt: Date;
  finishedAt: Date | null;
};

/** What of one order is in a page. */
export type PageOrder = { orderId: string; firstVersion: number; lastVersion: number; events: number };

type Row = {
  id: string;
  subscriber_id: number;
  from_seq: number;
  to_seq: number;
  page_seq: number;
  next_seq: number;
  sent: number;
  failed: number;
  state: Replay['state'];
  created_at: Date;
  finished_at: Date | null;
};

const toReplay = (row: Row): Replay => ({
  id: row.id,
  subscriberId: row.subscriber_id,
  fromSeq: row.from_seq,
  toSeq: row.to_seq,
  nextSeq: row.next_seq,
  sent: row.sent,
  failed: row.failed,
  state: row.state,
  createdAt: row.created_at,
  finishedAt: row.finished_at,
});

/** Times before this long are taken along: an event has its time from the beginning of its transaction. */
const clockSlackMs = 10_000;

export type ReplayStore = ReturnType<typeof createReplayStore>;

export function createReplayStore(pool: Pool) {
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

    async start(subscriberId: number, fromSeq: number, toSeq: number, nowMs: number): Promise<Replay> {
      const { rows } = await pool.query<Row>(
        `INSERT INTO replays (id, subscriber_id, from_seq, to_seq, page_seq, next_seq)
         VALUES ($1, $2, $3, $4, $5, $5) RETURNING *`,
        [`replay_${ulid(nowMs).toLowerCase()}`, subscriberId, fromSeq, toSeq, fromSeq - 1],
      );
      const [row] = rows;
      if (row === undefined) throw new Error('a replay was not stored');
      return toReplay(row);
    },

    /** The newest first. */
    async list(subscriberId: number, limit: number): Promise<Replay[]> {
      const { rows } = await pool.query<Row>(
        'SELECT * FROM replays WHERE subscriber_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2',
        [subscriberId, limit],
      );
      return rows.map(toReplay);
    },

    async stop(subscriberId: number): Promise<number> {
      const { rowCount } = await pool.query(
        "UPDATE replays SET state = 'stopped', finished_at = now() WHERE subscriber_id = $1 AND state = 'running'",
        [subscriberId],
      );
      return rowCount ?? 0;
    },

    failed: async (id: string): Promise<void> =>
      void (await pool.query('UPDATE replays SET failed = failed + 1 WHERE id = $1', [id])),

    async runningFor(subscriberIds: readonly number[]): Promise<string[]> {
      const { rows } = await pool.query<{ id: string }>(
        "SELECT id FROM replays WHERE state = 'running' AND subscriber_id = ANY($1) ORDER BY id",
        [subscriberIds],
      );
      return rows.map((row) => row.id);
    },

    /** A running replay, for this transaction alone; null while another process has it, or when it has ended. */
    async claim(client: PoolClient, id: string): Promise<(Replay & { pageSeq: number }) | null> {
      const { rows } = await client.query<Row>(
        "SELECT * FROM replays WHERE id = $1 AND state = 'running' FOR UPDATE SKIP LOCKED",
        [id],
      );
      return rows[0] === undefined ? null : { ...toReplay(rows[0]), pageSeq: rows[0].page_seq };
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

    advance: async (client: PoolClient, id: string, done: number, page: { pageSeq: number; nextSeq: number }) =>
      void (await client.query('UPDATE replays SET sent = sent + $2, page_seq = $3, next_seq = $4 WHERE id = $1', [
        id,
        done,
        page.pageSeq,
        page.nextSeq,
      ])),

    finish: async (client: PoolClient, id: string, done: number) =>
      void (await client.query(
        "UPDATE replays SET sent = sent + $2, next_seq = to_seq, state = 'done', finished_at = now() WHERE id = $1",
        [id, done],
      )),
  };
}
