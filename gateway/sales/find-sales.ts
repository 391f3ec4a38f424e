import { epochSchema } from '#contract/epoch.ts';
import { saleKeys } from '#contract/redis-keys.ts';
import { type SaleNode, storedSaleStates } from '#contract/sale.ts';
import { shadowSalePrefix } from '#contract/shadow-sale.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { Redis } from '#runtime/redis/connect.ts';

export type SaleFinder = {
  /** Null when PostgreSQL has no such sale. Rejects when PostgreSQL does not answer. */
  one: (saleId: string) => Promise<SaleNode | null>;
  /** What may be listed: no drafts, no load test's sale, nothing that was over a day ago. Rejects when PostgreSQL does not answer. */
  listed: () => Promise<SaleNode[]>;
};

type Row = {
  id: string;
  title: string;
  price_amount: number;
  currency: string;
  limit_per_user: number;
  opens_at: Date;
  closes_at: Date;
  challenge: SaleNode['challenge'];
  translations: SaleNode['translations'] | null;
  state: SaleNode['state'];
  epoch: number;
};

const columns =
  'id, title, translations, price_amount, currency, limit_per_user, opens_at, closes_at, challenge, state, epoch';
const maxListed = 200;

/**
 * Sales as they are without ZooKeeper: described by PostgreSQL, in the state that stock Redis says. When stock Redis is
 * silent, or knows a lower epoch (I7), the state that PostgreSQL noted last stands.
 */
export function createSaleFinder(deps: { pool: Pool; redis: Redis; logger: Logger }): SaleFinder {
  const { pool, redis } = deps;
  const warn = createThrottledWarn(deps.logger);

  async function stateOf(row: Row): Promise<Pick<SaleNode, 'state' | 'epoch'>> {
    const noted = { state: row.state, epoch: row.epoch };
    const fields = await redis.hmget(saleKeys(row.id).sale, 'state', 'epoch').catch((error: unknown) => {
      warn(error, 'stock redis was not asked for the state of a sale: what postgres noted is shown');
      return [];
    });
    const state = storedSaleStates.find((each) => each === fields[0]);
    const epoch = Number(fields[1]);
    if (!epochSchema.safeParse(epoch).success) return noted;
    return state !== undefined && epoch >= noted.epoch ? { state, epoch } : noted;
  }

  async function toNode(row: Row): Promise<SaleNode> {
    return {
      saleId: row.id,
      title: row.title,
      ...(row.translations == null ? {} : { translations: row.translations }),
      price: { amount: row.price_amount, currency: row.currency },
      challenge: row.challenge,
      ...(await stateOf(row)),
      window: { opensAt: row.opens_at.toISOString(), closesAt: row.closes_at.toISOString() },
      limits: { perUser: row.limit_per_user },
    };
  }

  return {
    one: async (saleId) => {
      const { rows } = await pool.query<Row>(`SELECT ${columns} FROM sales WHERE id = $1`, [saleId]);
      return rows[0] === undefined ? null : toNode(rows[0]);
    },
    listed: async () => {
      const { rows } = await pool.query<Row>(
        `SELECT ${columns} FROM sales
         WHERE closes_at > now() - interval '1 day' AND NOT starts_with(id, $1) ORDER BY id LIMIT ${maxListed}`,
        [shadowSalePrefix],
      );
      const sales = await Promise.all(rows.map(toNode));
      return sales.filter((sale) => sale.state !== 'draft');
    },
  };
}
