import { type SaleFile, saleFileSchema } from '#contract/sale.ts';
import { edgesInStep } from '#sales/edges.ts';
import { changeSaleState, preloadSale } from '#sales/sale-state.ts';
import { CliError } from '../kit/cli-error.ts';
import type { CommandContext } from '../kit/connections.ts';
import { findSale } from '../kit/find-sale.ts';
import { publishAllPages, readPagesPlace } from '../sale/pages-commands.ts';

/** The sale that `npm start` puts on: open at once, for a day. */
function demoSale(saleId: string, units: number, nowMs: number): SaleFile {
  return saleFileSchema.parse({
    saleId,
    title: 'Aurora Phone 12, launch edition',
    description: 'A demo sale: one per person, first come, first served.',
    price: { amount: 199_900, currency: 'CNY' },
    units,
    limitPerUser: 1,
    opensAt: new Date(nowMs).toISOString(),
    closesAt: new Date(nowMs + 24 * 3600_000).toISOString(),
  });
}

/** Creates, preloads, publishes and opens the next demo sale: demo-1, demo-2, … */
export async function openDemoSale(context: CommandContext, units: number): Promise<string> {
  const place = readPagesPlace(context.environment);
  const numbers = (await context.catalogue.list()).map(({ saleId }) => Number(/^demo-(\d+)$/.exec(saleId)?.[1] ?? 0));
  const saleId = `demo-${Math.max(0, ...numbers) + 1}`;
  if (!(await context.catalogue.create(demoSale(saleId, units, Date.now())))) {
    throw new CliError(`${saleId} was created by somebody else just now: run the command again`, 1);
  }
  const sale = await findSale(context, saleId);
  await preloadSale(context, sale, units);
  const { outcome } = await changeSaleState(context, saleId, 'open');
  if (outcome.kind === 'done') await edgesInStep(context.zookeeper, saleId, outcome.epoch);
  await publishAllPages(context, place);
  return saleId;
}
