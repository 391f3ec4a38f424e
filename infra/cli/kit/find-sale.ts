import type { CatalogueSale } from '#sales/catalogue.ts';
import { CliError } from './cli-error.ts';
import type { CommandContext } from './connections.ts';

/** The sale by its id, or a clear word that there is none. */
export async function findSale(context: Pick<CommandContext, 'catalogue'>, saleId: string): Promise<CatalogueSale> {
  const sale = await context.catalogue.find(saleId);
  if (sale === null) throw new CliError(`there is no sale "${saleId}": see "seckill sale list"`, 2);
  return sale;
}
