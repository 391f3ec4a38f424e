import { saleFileSchema } from '#contract/sale.ts';
import { shadowSalePrefix } from '#contract/shadow-sale.ts';
import type { CatalogueSale } from '#sales/catalogue.ts';
import { edgesInStep } from '#sales/edges.ts';
import { changeSaleState, preloadSale } from '#sales/sale-state.ts';
import { CliError } from '../kit/cli-error.ts';
import type { Connections } from '../kit/connections.ts';
import { findSale } from '../kit/find-sale.ts';

/** How the sale of a load test differs from another one; the rest is the same for all. */
export type SaleWanted = {
  saleId: string;
  units: number;
  /** A rehearsal sells the coming sale as it is written; else a phone. */
  like?: Pick<CatalogueSale, 'title' | 'price' | 'limitPerUser' | 'challenge'>;
  payWithinSeconds?: number;
};

const longestName = 48;

/** `shadow-peak-3`: the first name with that stem that nobody has had. */
export async function nextSaleId(context: Connections, stem: string): Promise<string> {
  const taken = new Set((await context.catalogue.list()).map(({ saleId }) => saleId));
  for (let number = 1; ; number += 1) {
    const suffix = `-${number}`;
    const saleId = `${stem.slice(0, longestName - suffix.length).replace(/-+$/, '')}${suffix}`;
    if (!taken.has(saleId)) return saleId;
  }
}

export const shadowStem = (name: string): string => `${shadowSalePrefix}${name}`;

/** Creates, preloads and opens it, for a day, from that instant on; every edge knows it when this resolves. */
export async function openShadowSale(context: Connections, wanted: SaleWanted, opensAtMs: number): Promise<void> {
  const { saleId, units, like, payWithinSeconds = 86_400 } = wanted;
  const asked = saleFileSchema.parse({
    saleId,
    title: 'Load test',
    price: { amount: 100, currency: 'CNY' },
    units,
    limitPerUser: Math.min(units, like?.limitPerUser ?? 1),
    challenge: like?.challenge ?? 'quiz',
    opensAt: new Date(opensAtMs).toISOString(),
    closesAt: new Date(opensAtMs + 48 * 3600_000).toISOString(),
    payWithinSeconds,
  });
  // The other sale's words were judged when it was written, perhaps by older rules: a rehearsal takes them as they are.
  const sale = like === undefined ? asked : { ...asked, title: `Rehearsal: ${like.title}`, price: like.price };
  if (!(await context.catalogue.create(sale))) {
    throw new CliError(`${saleId} was created by somebody else just now: run the command again`, 1);
  }
  await preloadSale(context, await findSale(context, saleId), units);
  const { outcome } = await changeSaleState(context, saleId, 'open');
  if (outcome.kind !== 'done') throw new CliError(`${saleId} could not be opened: ${outcome.kind}`, 1);
  await edgesInStep(context.zookeeper, saleId, outcome.epoch);
}

/** Ends it for good, so that nothing of it is ever for sale again. Nothing to do when it was never opened. */
export async function closeShadowSale(context: Connections, saleId: string): Promise<void> {
  if ((await context.stock.sale(saleId)) !== null) await changeSaleState(context, saleId, 'close');
}
