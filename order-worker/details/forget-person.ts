import type { Pool } from '#runtime/postgres/connect.ts';

/** What is kept of a person, by how far the orders are that it belongs to. */
export type KeptOfPerson = { orders: number; awaitingPayment: number; paid: number };

/** Counts the orders of a user whose contact and address are kept. */
export async function countDetailsOf(pool: Pool, userId: string): Promise<KeptOfPerson> {
  const { rows } = await pool.query<KeptOfPerson>(
    `SELECT count(*)::int AS orders, (count(*) FILTER (WHERE o.state = 'awaiting_payment'))::int AS "awaitingPayment",
            (count(*) FILTER (WHERE o.state = 'paid'))::int AS paid
       FROM order_details d LEFT JOIN orders o ON o.id = d.order_id WHERE d.user_id = $1`,
    [userId],
  );
  return rows[0] ?? { orders: 0, awaitingPayment: 0, paid: 0 };
}

/** Erases contact and address of all orders of a user, in batches; returns of how many. Safe to repeat. */
export async function forgetPerson(pool: Pool, userId: string, most = 500): Promise<number> {
  let erased = 0;
  for (;;) {
    const { rowCount } = await pool.query(
      'DELETE FROM order_details WHERE order_id = ANY(ARRAY(SELECT order_id FROM order_details WHERE user_id = $1 LIMIT $2))',
      [userId, most],
    );
    erased += rowCount ?? 0;
    if ((rowCount ?? 0) < most) return erased;
  }
}
