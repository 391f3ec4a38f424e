import type { Checkout } from '#contract/sale.ts';
import type { Pool } from '#runtime/postgres/connect.ts';

/** Who takes the money of a sale's orders; null where there is no such sale. A sale never changes. */
export async function findCheckout(pool: Pick<Pool, 'query'>, saleId: string): Promise<Checkout | null> {
  const { rows } = await pool.query<{ checkout: Checkout | null }>({
    name: 'find-checkout',
    text: 'SELECT checkout FROM sales WHERE id = $1',
    values: [saleId],
  });
  return rows[0] === undefined ? null : (rows[0].checkout ?? { mode: 'here' });
}
