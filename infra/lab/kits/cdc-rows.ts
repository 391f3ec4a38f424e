import type { Pool } from 'pg';

export type RowWriter = Awaited<ReturnType<typeof writeRows>>;

/** Orders in a database of the test's own, straight into its tables: what the data team reads, without what leads to it. */
export async function writeRows(pool: Pick<Pool, 'query'>) {
  await pool.query(`INSERT INTO sales (id, title, description, price_amount, currency, units, limit_per_user, opens_at, closes_at,
    pay_within_seconds, challenge) VALUES ('s', 't', 'd', 100, 'CNY', 1000000, 1, now(), now() + interval '1 hour', 900, 'none')`);
  let place = 0;

  const move = async (id: string, state: string) => {
    await pool.query(
      `WITH moved AS (UPDATE orders SET state = $2, version = version + 1, updated_at = now() WHERE id = $1 RETURNING *)
       INSERT INTO order_events (order_id, version, type, data) SELECT id, version, 'order.' || $2, to_jsonb(moved) FROM moved`,
      [id, state],
    );
  };

  return {
    /** A new one that awaits its payment, with its first event; says its id. */
    order: async (options: { amount?: string; payBy?: string } = {}) => {
      place += 1;
      const id = `s-${place}`;
      await pool.query(
        `WITH stored AS (INSERT INTO orders (id, sale_id, user_id, quantity, place, state, amount, currency, pay_by, accepted_at)
           VALUES ($1, 's', 'u', 1, $2, 'awaiting_payment', $3, 'CNY', coalesce($4, now() + interval '15 minutes'), now()) RETURNING *)
         INSERT INTO order_events (order_id, version, type, data) SELECT id, 1, 'order.created', to_jsonb(stored) FROM stored`,
        [id, place, options.amount ?? '100', options.payBy ?? null],
      );
      return id;
    },
    expire: (id: string) => move(id, 'expired'),
    /** Paid, and given back: a row in each of the tables. */
    refund: async (id: string) => {
      await pool.query(
        `INSERT INTO payments (id, order_id, amount, currency, check_at) VALUES ('p-' || $1, $1, 100, 'CNY', now())`,
        [id],
      );
      await pool.query(
        `UPDATE payments SET state = 'succeeded', provider_id = 'x', updated_at = now() WHERE order_id = $1`,
        [id],
      );
      await move(id, 'paid');
      await move(id, 'refunding');
      await pool.query(
        `INSERT INTO refunds (id, payment_id, order_id, reason, amount, currency, look_at)
         VALUES ('r-' || $1, 'p-' || $1, $1, 'requested', 100, 'CNY', now())`,
        [id],
      );
      await pool.query(`UPDATE refunds SET state = 'succeeded', updated_at = now() WHERE order_id = $1`, [id]);
      await move(id, 'refunded');
    },
  };
}
