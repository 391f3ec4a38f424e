import { ulid } from 'ulid';
import type { Pool, PoolClient } from '#runtime/postgres/connect.ts';

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

/** Which replays there are, and how far each is. */
export type ReplayStore = ReturnType<typeof createReplayStore>;

export function createReplayStore(pool: Pool) {
  return {
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
