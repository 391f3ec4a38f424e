import type { Pool } from 'pg';

async function only<Row extends object>(pool: Pool, text: string, values: unknown[] = []): Promise<Row> {
  const { rows } = await pool.query<Row>(text, values);
  const [row] = rows;
  if (row === undefined) throw new Error(`nothing came of: ${text}`);
  return row;
}

/** When the first and the last order of a sale are due, Unix ms. */
export async function dueTimes(pool: Pool, saleId: string): Promise<{ first: number; last: number }> {
  const { first, last } = await only<{ first: Date; last: Date }>(
    pool,
    'SELECT min(pay_by) AS first, max(pay_by) AS last FROM orders WHERE sale_id = $1',
    [saleId],
  );
  return { first: first.getTime(), last: last.getTime() };
}

/** How often PostgreSQL has read the whole table of orders so far. */
export async function orderScans(pool: Pool): Promise<number> {
  const text = `SELECT seq_scan::int AS n FROM pg_stat_user_tables WHERE relname = 'orders'`;
  return (await only<{ n: number }>(pool, text)).n;
}

/** How late the orders expired, in seconds after they were due, and how many by their own job. */
export const lateness = (pool: Pool, saleId: string) =>
  only<{ p50: number; p99: number; most: number; byJob: number }>(
    pool,
    `SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY late) AS p50, percentile_cont(0.99) WITHIN GROUP (ORDER BY late) AS p99,
            max(late) AS most, count(*) FILTER (WHERE NOT swept)::int AS "byJob"
       FROM (SELECT extract(epoch FROM e.created_at - o.pay_by)::float8 AS late, e.data ? 'foundBy' AS swept
               FROM order_events e JOIN orders o ON o.id = e.order_id
              WHERE o.sale_id = $1 AND e.type = 'order.expired') events`,
    [saleId],
  );

/** Orders due and orders expired in each second in which there were any. */
export async function bySecond(
  pool: Pool,
  saleId: string,
): Promise<{ second: string; due: number; expired: number }[]> {
  const { rows } = await pool.query<{ second: Date; due: number; expired: number }>(
    `SELECT second, sum(due)::int AS due, sum(expired)::int AS expired FROM (
       SELECT date_trunc('second', pay_by) AS second, count(*) AS due, 0 AS expired FROM orders WHERE sale_id = $1 GROUP BY 1
       UNION ALL
       SELECT date_trunc('second', e.created_at), 0, count(*) FROM order_events e JOIN orders o ON o.id = e.order_id
        WHERE o.sale_id = $1 AND e.type = 'order.expired' GROUP BY 1) both_of_them GROUP BY 1 ORDER BY 1`,
    [saleId],
  );
  return rows.map(({ second, due, expired }) => ({ second: second.toISOString(), due, expired }));
}
