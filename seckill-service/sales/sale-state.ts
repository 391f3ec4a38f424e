import type { SaleNode } from '#contract/sale.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import type { SaleAction, SetStateOutcome } from '#stock/outcomes.ts';
import type { Stock } from '#stock/stock.ts';
import type { StockSale } from '#stock/stock-sale.ts';
import type { Catalogue, CatalogueSale } from './catalogue.ts';
import { publishSale, publishState, readSaleNode, type SaleChange } from './publish-state.ts';

type Deps = { stock: Stock; catalogue: Catalogue; zookeeper: ZooKeeper };

/** What of a sale's stock is published. */
type StockWindow = Pick<StockSale, 'state' | 'epoch' | 'opensAtMs' | 'closesAtMs' | 'limitPerUser'>;

/** What ZooKeeper should say of a sale: its description by the catalogue, window, state and epoch by stock Redis. */
export function toSaleNode(sale: CatalogueSale, stock: StockWindow): SaleNode {
  return {
    saleId: sale.saleId,
    title: sale.title,
    price: sale.price,
    ...(sale.translations === undefined ? {} : { translations: sale.translations }),
    challenge: sale.challenge,
    ...(sale.sealedQuiz === undefined ? {} : { quiz: sale.sealedQuiz }),
    ...(sale.challengeLeadSeconds === undefined ? {} : { challengeLeadSeconds: sale.challengeLeadSeconds }),
    state: stock.state,
    epoch: stock.epoch,
    window: windowOf(stock),
    limits: { perUser: stock.limitPerUser },
    ...(sale.checkout.mode === 'here' ? {} : { checkout: sale.checkout.mode }),
    ...(sale.collect.length === 0 ? {} : { collect: sale.collect }),
  };
}

/** Tells ZooKeeper, then the catalogue, what stock Redis and its replicas say of a sale now. */
export async function republish(deps: Deps, sale: CatalogueSale): Promise<SaleNode | null> {
  const current = await deps.stock.barrier(sale.saleId, () => deps.stock.sale(sale.saleId));
  if (current === null) return null;
  const node = toSaleNode(sale, current);
  await publishSale(deps.zookeeper, node);
  await deps.catalogue.notePublished(sale.saleId, node);
  return node;
}

/** The window as stock Redis has it, for ZooKeeper. */
export function windowOf(stock: Pick<StockSale, 'opensAtMs' | 'closesAtMs'>): SaleNode['window'] {
  return { opensAt: new Date(stock.opensAtMs).toISOString(), closesAt: new Date(stock.closesAtMs).toISOString() };
}

/** Loads `units` of a draft into stock Redis, with an epoch above all that anybody knows; nobody is told. */
export async function loadStock(
  deps: Deps,
  sale: CatalogueSale,
  units: number,
): Promise<{ kind: 'done' } | { kind: 'live' }> {
  const published = await readSaleNode(deps.zookeeper, sale.saleId);
  // The database's guard is raised before the stock is, and lowered after: a crash in between leaves it too wide.
  if (units > sale.units) await deps.catalogue.setUnits(sale.saleId, units);
  const plan = {
    total: units,
    opensAtMs: Date.parse(sale.opensAt),
    closesAtMs: Date.parse(sale.closesAt),
    limitPerUser: sale.limitPerUser,
    lowestEpoch: Math.max(sale.epoch, published?.epoch ?? 0),
  };
  const outcome = await deps.stock.barrier(sale.saleId, () => deps.stock.preload(sale.saleId, plan));
  if (outcome.kind === 'live') {
    if (units > sale.units) await deps.catalogue.setUnits(sale.saleId, sale.units);
    return outcome;
  }
  if (units < sale.units) await deps.catalogue.setUnits(sale.saleId, units);
  return { kind: 'done' };
}

/** Loads `units` of a draft into stock Redis and makes the sale known to the edges. */
export async function preloadSale(
  deps: Deps,
  sale: CatalogueSale,
  units: number,
): Promise<{ kind: 'done'; node: SaleNode } | { kind: 'live' }> {
  const loaded = await loadStock(deps, sale, units);
  if (loaded.kind === 'live') return loaded;
  const node = await republish(deps, sale);
  if (node === null) throw new Error(`the stock of ${sale.saleId} vanished right after it was loaded`);
  return { kind: 'done', node };
}

/** A node that is missing, or that cannot be read, is written anew. */
async function publishChange(deps: Deps, saleId: string, change: SaleChange): Promise<void> {
  if ((await publishState(deps.zookeeper, saleId, change)) !== 'missing') return;
  const sale = await deps.catalogue.find(saleId);
  if (sale !== null) await republish(deps, sale);
}

/** Who could not be told of a change that stock Redis has made. */
export type NotTold = ('zookeeper' | 'postgres')[];

/**
 * Opens, pauses, resumes or closes a sale. Stock Redis decides; ZooKeeper and the catalogue are told after, and when one
 * of them is away the change stands all the same: the reconciler tells ZooKeeper when it is back. Throws a StockFault when
 * too few replicas of stock Redis have the change, and tells neither of it then: it would be undone with that server.
 */
export async function changeSaleState(
  deps: Deps,
  saleId: string,
  action: SaleAction,
  openNow = false,
): Promise<{ outcome: SetStateOutcome; notTold: NotTold }> {
  const { outcome, current } = await deps.stock.barrier(saleId, async () => {
    const set = await deps.stock.setState(saleId, action, openNow);
    return { outcome: set, current: isSet(set) ? await deps.stock.sale(saleId) : null };
  });
  const notTold: NotTold = [];
  if (current === null) return { outcome, notTold };
  const change = { state: current.state, epoch: current.epoch, window: windowOf(current) };
  await publishChange(deps, saleId, change).catch(() => notTold.push('zookeeper'));
  await deps.catalogue.notePublished(saleId, change).catch(() => notTold.push('postgres'));
  return { outcome, notTold };
}

const isSet = ({ kind }: SetStateOutcome) => kind === 'done' || kind === 'already';
