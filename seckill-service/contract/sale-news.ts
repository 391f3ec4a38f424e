import { epochSchema } from './epoch.ts';
import { type StoredSaleState, storedSaleStates } from './sale.ts';

/**
 * Pub/sub channel of stock Redis. A script that gives a sale a new epoch on behalf of a process that does not write to
 * ZooKeeper itself says so here, in the same step: `<saleId> <epoch> <state>`. Nobody may rely on it alone: whoever does
 * not listen at that moment never hears it.
 */
export const saleNewsChannel = 'seckill:sale-news';

export type SaleNews = { saleId: string; epoch: number; state: StoredSaleState };

/** A message of the channel; null when it is not one. */
export function parseSaleNews(text: string): SaleNews | null {
  const [, saleId, epoch, word] = /^([a-z0-9-]{1,48}) (\d{1,15}) (\w+)$/.exec(text) ?? [];
  const state = storedSaleStates.find((known) => known === word);
  const read = epochSchema.safeParse(Number(epoch));
  return saleId === undefined || state === undefined || !read.success ? null : { saleId, epoch: read.data, state };
}
