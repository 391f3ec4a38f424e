import type { Money } from '#contract/sale.ts';
import type { Pool } from '#runtime/postgres/connect.ts';

/** What the shop usually sells: price of a unit in minor units, and units of a sale. `sales`: of how many it is the median. */
export type Usual = { sales: number; priceAmount: number; units: number };

/** Until there are three sales to go by: 1,000.00 and 1,000 units. */
export const usualAtFirst: Omit<Usual, 'sales'> = { priceAmount: 100_000, units: 1000 };
const enoughSales = 3;

/** So many times the usual is asked about twice: two digits too many. */
export const unusualTimes = 100;

/** The medians of the shop's sales in that currency that were preloaded at least, this one left out. */
export async function readUsual(pool: Pool, currency: Money['currency'], saleId: string): Promise<Usual> {
  const { rows } = await pool.query<{ sales: number; price: number | null; units: number | null }>(
    `SELECT count(*)::int AS sales, percentile_cont(0.5) WITHIN GROUP (ORDER BY price_amount) AS price,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY units) AS units
       FROM sales WHERE currency = $1 AND id <> $2 AND epoch > 0`,
    [currency, saleId],
  );
  const { sales = 0, price = null, units = null } = rows[0] ?? {};
  return sales < enoughSales || price === null || units === null
    ? { sales: 0, ...usualAtFirst }
    : { sales, priceAmount: price, units };
}
