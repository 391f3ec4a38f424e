import type { Pool } from '#runtime/postgres/connect.ts';

/** One size of a product's picture, as pages show it: WebP, of these pixels. */
export type Picture = { width: number; height: number; webp: Buffer };
/** `page`: on the sale's page. `card`: in the list. */
export type SalePicture = { page: Picture; card: Picture };

type Row = { sale_id: string; size: keyof SalePicture; width: number; height: number; webp: Buffer };

/** The pictures of sales in PostgreSQL, so that pages can be written from any machine. */
export function createPictures(pool: Pool) {
  return {
    /** Every sale's picture by sale id; a sale without one is missing. */
    async all(): Promise<Map<string, SalePicture>> {
      const { rows } = await pool.query<Row>('SELECT sale_id, size, width, height, webp FROM sale_pictures');
      const found = new Map<string, Partial<SalePicture>>();
      for (const { sale_id: saleId, size, width, height, webp } of rows) {
        found.set(saleId, { ...found.get(saleId), [size]: { width, height, webp } });
      }
      return new Map([...found].filter((entry): entry is [string, SalePicture] => isWhole(entry[1])));
    },
  };
}
export type Pictures = ReturnType<typeof createPictures>;

const isWhole = ({ page, card }: Partial<SalePicture>): boolean => page !== undefined && card !== undefined;
