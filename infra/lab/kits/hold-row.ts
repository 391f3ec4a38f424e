import { expect } from 'vitest';
import type { Pool } from '#runtime/postgres/connect.ts';

/**
 * Holds an order's row, lets several decisions come to it one after the other, and lets go: so a race is run in the
 * order in which they are given, every time. Returns what each came to.
 */
export async function inThisOrder<const Decisions extends readonly (() => Promise<unknown>)[]>(
  pool: Pool,
  orderId: string,
  decisions: Decisions,
): Promise<{ [Index in keyof Decisions]: Awaited<ReturnType<Decisions[Index]>> }> {
  const holder = await pool.connect();
  try {
    await holder.query('BEGIN');
    await holder.query('SELECT FROM orders WHERE id = $1 FOR UPDATE', [orderId]);
    // The first waits for this transaction and has the row's lock meanwhile, the others queue for that. Of pg_locks, not
    // of pg_stat_activity: within a transaction that shows what there was when it was first read.
    const waiting = async () => {
      const { rows } = await holder.query<{ n: number }>(
        `SELECT count(DISTINCT pid)::int AS n FROM pg_locks WHERE NOT granted
           AND (transactionid = pg_current_xact_id()::xid OR locktype = 'tuple' AND relation = 'orders'::regclass)`,
      );
      return rows[0]?.n ?? 0;
    };
    const begun: Promise<unknown>[] = [];
    for (const decide of decisions) {
      begun.push(decide());
      // PostgreSQL lets those who wait for a row have it in the order in which they came.
      await expect.poll(waiting, { interval: 10, timeout: 30_000 }).toBe(begun.length);
    }
    await holder.query('COMMIT');
    return (await Promise.all(begun)) as { [Index in keyof Decisions]: Awaited<ReturnType<Decisions[Index]>> }; // one each
  } finally {
    holder.release();
  }
}
