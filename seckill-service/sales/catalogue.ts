import { highestEpoch } from '#contract/epoch.ts';
import type { Checkout, CollectedDetail, SaleFile, SaleNode, StoredSaleState, Translations } from '#contract/sale.ts';
import type { SealedQuestion } from '#contract/sale-quiz.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { SalePicture } from './sale-pictures.ts';

/** A sale as ops wrote it, with the quiz sealed. Times are ISO 8601 UTC. */
export type NewSale = Omit<SaleFile, 'quiz' | 'picture'> & { sealedQuiz?: SealedQuestion[] | undefined };

/** The same, and what was last published of it. */
export type CatalogueSale = NewSale & { state: StoredSaleState; epoch: number };

type Row = {
  id: string;
  title: string;
  description: string;
  price_amount: number;
  currency: string;
  units: number;
  limit_per_user: number;
  opens_at: Date;
  closes_at: Date;
  pay_within_seconds: number;
  challenge: SaleFile['challenge'];
  restock: boolean;
  translations: Translations | null;
  quiz: SealedQuestion[] | null;
  challenge_lead_seconds: number | null;
  checkout: Checkout | null;
  collect: CollectedDetail[];
  keep_details_days: number;
  state: StoredSaleState;
  epoch: number;
};

function fromRow(row: Row): CatalogueSale {
  return {
    saleId: row.id,
    title: row.title,
    description: row.description,
    price: { amount: row.price_amount, currency: row.currency },
    units: row.units,
    limitPerUser: row.limit_per_user,
    opensAt: row.opens_at.toISOString(),
    closesAt: row.closes_at.toISOString(),
    payWithinSeconds: row.pay_within_seconds,
    challenge: row.challenge,
    restock: row.restock,
    checkout: row.checkout ?? { mode: 'here' },
    collect: row.collect,
    keepDetailsDays: row.keep_details_days,
    ...(row.translations === null ? {} : { translations: row.translations }),
    ...(row.quiz === null ? {} : { sealedQuiz: row.quiz }),
    ...(row.challenge_lead_seconds === null ? {} : { challengeLeadSeconds: row.challenge_lead_seconds }),
    state: row.state,
    epoch: Math.min(row.epoch, highestEpoch),
  };
}

/** `place` is the highest that any stored order has; 0 when there is none. */
export type SaleWitness = { saleId: string; epoch: number; newestOrders: string[]; place: number };

/** The list of sales in PostgreSQL: what ops wrote. The stock, and the state that counts, are in stock Redis. */
export type Catalogue = ReturnType<typeof createCatalogue>;

export function createCatalogue(pool: Pool) {
  return {
    /** One statement, sale and picture. False when a sale of that id exists; nothing was changed then. */
    async create(sale: NewSale, picture: SalePicture | null = null): Promise<boolean> {
      const sizes = picture === null ? [] : (['page', 'card'] as const).map((size) => ({ size, ...picture[size] }));
      const { rows } = await pool.query(
        `WITH made AS (
           INSERT INTO sales (id, title, description, price_amount, currency, units, limit_per_user, opens_at, closes_at,
                              pay_within_seconds, challenge, restock, translations, quiz, challenge_lead_seconds,
                              checkout, collect, keep_details_days)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) ON CONFLICT (id) DO NOTHING RETURNING id
         ), pictured AS (
           INSERT INTO sale_pictures (sale_id, size, width, height, webp)
           SELECT made.id, given.* FROM made, unnest($19::text[], $20::int[], $21::int[], $22::bytea[]) AS given
         )
         SELECT id FROM made`,
        [
          sale.saleId,
          sale.title,
          sale.description,
          sale.price.amount,
          sale.price.currency,
          sale.units,
          sale.limitPerUser,
          sale.opensAt,
          sale.closesAt,
          sale.payWithinSeconds,
          sale.challenge,
          sale.restock,
          sale.translations === undefined ? null : JSON.stringify(sale.translations),
          sale.sealedQuiz === undefined ? null : JSON.stringify(sale.sealedQuiz),
          sale.challengeLeadSeconds ?? null,
          sale.checkout.mode === 'here' ? null : JSON.stringify(sale.checkout),
          sale.collect,
          sale.keepDetailsDays,
          sizes.map(({ size }) => size),
          sizes.map(({ width }) => width),
          sizes.map(({ height }) => height),
          sizes.map(({ webp }) => webp),
        ],
      );
      return rows.length === 1;
    },

    async find(saleId: string): Promise<CatalogueSale | null> {
      const { rows } = await pool.query<Row>('SELECT * FROM sales WHERE id = $1', [saleId]);
      return rows[0] === undefined ? null : fromRow(rows[0]);
    },

    async list(): Promise<CatalogueSale[]> {
      const { rows } = await pool.query<Row>('SELECT * FROM sales ORDER BY opens_at, id');
      return rows.map(fromRow);
    },

    /** Notes what was published; an older epoch never overwrites a newer one. */
    async notePublished(saleId: string, node: Pick<SaleNode, 'state' | 'epoch' | 'window'>): Promise<void> {
      await pool.query('UPDATE sales SET state = $2, epoch = $3, opens_at = $4 WHERE id = $1 AND epoch <= $3', [
        saleId,
        node.state,
        node.epoch,
        node.window.opensAt,
      ]);
    },

    /**
     * What the database knows of each sale that was preloaded and is not long over: its epoch and its newest orders.
     * One query, on the index (sale_id, place).
     */
    async witnesses(): Promise<SaleWitness[]> {
      const { rows } = await pool.query<{ id: string; epoch: number; order_ids: string[]; place: number }>(
        `SELECT s.id, s.epoch, array_remove(array_agg(o.id), NULL) AS order_ids, coalesce(max(o.place), 0) AS place
           FROM sales s
           LEFT JOIN LATERAL (SELECT id, place FROM orders WHERE sale_id = s.id ORDER BY place DESC LIMIT 20) o ON true
          WHERE s.epoch > 0 AND s.closes_at > now() - interval '1 day'
          GROUP BY s.id, s.epoch`,
      );
      return rows.map((row) => ({
        saleId: row.id,
        epoch: Math.min(row.epoch, highestEpoch),
        newestOrders: row.order_ids,
        place: row.place,
      }));
    },

    async setUnits(saleId: string, units: number): Promise<void> {
      await pool.query('UPDATE sales SET units = $2 WHERE id = $1', [saleId, units]);
    },
  };
}
