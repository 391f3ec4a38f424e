import type { SaleNode } from '#contract/sale.ts';
import type { ZooKeeper } from '#runtime/zookeeper.ts';
import type { SaleAction, SetStateOutcome } from '#stock/outcomes.ts';
import type { Stock } from '#stock/stock.ts';
import type { StockSale } from '#stock/stock-sale.ts';
import type { Catalogue, CatalogueSale } from './catalogue.ts';
import { publishSale, readSaleNode } from './publish-state.ts';

type Deps = { stock: Stock; catalogue: Catalogue; zookeeper: ZooKeeper };

/** What ZooKeeper should say of a sale: its description by the catalogue, window, state and epoch by stock Redis. */
export function toSaleNode(sale: CatalogueSale, stock: StockSale): SaleNode {
  return {
    saleId: sale.saleId,
    title: sale.title,
    price: sale.price,
    challenge: sale.challenge,
    state: stock.state,
    epoch: stock.epoch,
    window: { opensAt: new Date(stock.opensAtMs).toISOString(), closesAt: new Date(stock.closesAtMs).toISOString() },
    limits: { perUser: stock.limitPerUser },
  };
}

/** Tells ZooKeeper, then the catalogue, what stock Redis says of a sale now. */
export async function republish(deps: Deps, sale: CatalogueSale): Promise<SaleNode | null> {
  const current = await deps.stock.sale(sale.saleId);
  if (current === null) return null;
  const node = toSaleNode(sale, current);
  await publishSale(deps.zookeeper, node);
  await deps.catalogue.notePublished(sale.saleId, node);
  return node;
}

/** Loads `units` of a draft into stock Redis and makes the sale known to the edges. */
export async function preloadSale(
  deps: Deps,
  sale: CatalogueSale,
  units: number,
): Promise<{ kind: 'done'; node: SaleNode } | { kind: 'live' }> {
  const published = await readSaleNode(deps.zookeeper, sale.saleId);
  const outcome = await deps.stock.preload(sale.saleId, {
    total: units,
    opensAtMs: Date.parse(sale.opensAt),
    closesAtMs: Date.parse(sale.closesAt),
    limitPerUser: sale.limitPerUser,
    lowestEpoch: Math.max(sale.epoch, published?.epoch ?? 0),
  });
  if (outcome.kind === 'live') return outcome;
  if (units !== sale.units) await deps.catalogue.setUnits(sale.saleId, units);
  const node = await republish(deps, sale);
  if (node === null) throw new Error(`the stock of ${sale.saleId} vanished right after it was loaded`);
  return { kind: 'done', node };
}

/** Opens, pauses, resumes or closes a sale: stock Redis decides, then everyone is told. */
export async function changeSaleState(
  deps: Deps,
  sale: CatalogueSale,
  action: SaleAction,
  openNow = false,
): Promise<SetStateOutcome> {
  const outcome = await deps.stock.setState(sale.saleId, action, openNow);
  if (outcome.kind !== 'sale_unknown') await republish(deps, sale);
  return outcome;
}
