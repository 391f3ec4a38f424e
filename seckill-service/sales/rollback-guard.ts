import type { SaleNode } from '#contract/sale.ts';
import type { Logger } from '#runtime/logger.ts';
import { withDeadline } from '#runtime/shutdown.ts';
import type { ZooKeeper } from '#runtime/zookeeper.ts';
import { StockFault } from '#stock/fault.ts';
import type { Stock } from '#stock/stock.ts';
import { type StockSale, unitsGranted } from '#stock/stock-sale.ts';
import type { Catalogue, SaleWitness } from './catalogue.ts';
import { publishState, readSaleNode } from './publish-state.ts';
import type { PublishedSales } from './published-sales.ts';

type GuardedStock = Pick<Stock, 'sales' | 'eachSale' | 'withoutReservation' | 'pauseForFault'>;

/**
 * Notices that stock Redis came back with an older past (a restored backup, a lost disk, a failover that lost writes),
 * and pauses the sale before it sells what is sold already. Nothing of what it compares can be ahead of Redis when all
 * is well, because each was written after Redis had answered:
 *
 * - the highest place that this process itself was given,
 * - the newest orders in PostgreSQL, and the epoch that the command line noted there,
 * - the epoch in ZooKeeper.
 *
 * A witness that is away is passed over; the leader among the services looks again all the time.
 */
export type RollbackGuard = {
  /** Remembers a place that stock Redis gave. */
  sawPlace: (saleId: string, place: number) => void;
  /**
   * Looks at every sale over the given connection; pauses those whose past is older than a witness knows, and returns
   * their ids. With `needsWitness` it throws when there is none at all: then nothing is known, and nothing may be sold.
   * With `published` ZooKeeper is not asked sale by sale.
   */
  check: (stock: GuardedStock, options?: { needsWitness?: boolean; published?: PublishedSales }) => Promise<string[]>;
};

type Found = { fault: string; epoch: number };
/** What there is to compare. `seen`: the highest place that this process was given, 0 for none. */
type Evidence = {
  saleId: string;
  witness: SaleWitness | undefined;
  published: SaleNode | null;
  seen: number;
  sale: StockSale | null;
};

export function createRollbackGuard(deps: {
  catalogue: Pick<Catalogue, 'witnesses'>;
  zookeeper: ZooKeeper;
  logger: Logger;
  onRollback: (saleId: string) => void;
  witnessTimeoutMs?: number;
}): RollbackGuard {
  const { catalogue, zookeeper, logger, onRollback, witnessTimeoutMs = 1500 } = deps;
  const places = new Map<string, number>();

  async function ask<T>(what: string, work: Promise<T>): Promise<T | undefined> {
    try {
      return await withDeadline(work, witnessTimeoutMs, what);
    } catch (error) {
      logger.warn({ err: error }, `rollback check without ${what}`);
      return undefined;
    }
  }

  async function publishedOf(saleIds: string[], followed?: PublishedSales): Promise<Map<string, SaleNode | null>> {
    if (zookeeper.ready() !== null) return new Map();
    const nodeOf = async (saleId: string) =>
      followed?.isComplete()
        ? followed.get(saleId)
        : ((await ask('zookeeper', readSaleNode(zookeeper, saleId))) ?? null);
    return new Map(await Promise.all(saleIds.map(async (saleId) => [saleId, await nodeOf(saleId)] as const)));
  }

  async function doubt(stock: GuardedStock, evidence: Evidence): Promise<Found | null> {
    const { saleId, witness, published, seen, sale } = evidence;
    const known = Math.max(published?.epoch ?? 0, witness?.epoch ?? 0);
    if (sale === null) {
      // Edges that know it as paused for this already need no new epoch.
      if (witness === undefined || published?.state === 'paused' || published?.state === 'closed') return null;
      return { fault: 'its stock is gone', epoch: known };
    }
    if (sale.state === 'paused' && sale.fault !== null) {
      places.delete(saleId); // a rebuild decides what is true now
      return null;
    }
    if (sale.state === 'closed') return null;
    const epoch = Math.max(known, sale.epoch);
    if (sale.fault !== null) return { fault: sale.fault, epoch };
    if (sale.epoch < known) return { fault: `its epoch is ${sale.epoch}, but ${known} was published`, epoch };
    const granted = unitsGranted(sale);
    const place = Math.max(seen, witness?.place ?? 0);
    if (granted < place) return { fault: `it granted ${granted} units, but place ${place} was given`, epoch };
    const missing = await stock.withoutReservation(saleId, witness?.newestOrders ?? []);
    if (missing.length === 0) return null;
    return { fault: `${missing.length} of its newest orders have no reservation, such as ${missing[0]}`, epoch };
  }

  /** Books that cannot be read are in doubt too; they must not keep the other sales waiting. */
  async function doubtOrFault(stock: GuardedStock, evidence: Evidence | Error, epoch: number): Promise<Found | null> {
    try {
      if (evidence instanceof Error) throw evidence;
      return await doubt(stock, evidence);
    } catch (error) {
      if (error instanceof StockFault) throw error;
      return { fault: `its books cannot be read: ${String(error)}`, epoch };
    }
  }

  async function pause(stock: GuardedStock, saleId: string, found: Found): Promise<void> {
    logger.error({ saleId, fault: found.fault }, 'ROLLBACK: stock Redis has an older past; the sale is paused');
    const outcome = await stock.pauseForFault(saleId, found.fault, found.epoch);
    const epoch = outcome.kind === 'sale_unknown' ? found.epoch + 1 : outcome.epoch;
    await ask('zookeeper', publishState(zookeeper, saleId, { state: 'paused', epoch }));
    places.delete(saleId);
    onRollback(saleId);
  }

  return {
    sawPlace: (saleId, place) => {
      if (place > (places.get(saleId) ?? 0)) places.set(saleId, place);
    },
    check: async (stock, { needsWitness = false, published: followed } = {}) => {
      const stored = await ask('postgres', catalogue.witnesses());
      if (needsWitness && stored === undefined && zookeeper.ready() !== null && places.size === 0) {
        throw new Error('neither PostgreSQL nor ZooKeeper answers, and this process has seen nothing itself');
      }
      const witnesses = new Map(stored?.map((witness) => [witness.saleId, witness]));
      const saleIds = [...new Set([...(await stock.sales()), ...witnesses.keys(), ...places.keys()])];
      const nodes = await publishedOf(saleIds, followed);
      // Before the stock is read: what is given out after that is no witness against what was read.
      const given = new Map(places);
      const sales = await stock.eachSale(saleIds);
      const paused: string[] = [];
      // All at once: with a server that hangs, a thousand sales wait as long as one.
      await Promise.all(
        saleIds.map(async (saleId) => {
          const [sale = null, published = null, seen = 0] = [sales.get(saleId), nodes.get(saleId), given.get(saleId)];
          const witness = witnesses.get(saleId);
          const evidence = sale instanceof Error ? sale : { saleId, witness, published, seen, sale };
          const found = await doubtOrFault(stock, evidence, witness?.epoch ?? 0);
          if (found === null) return;
          await pause(stock, saleId, found);
          paused.push(saleId);
        }),
      );
      return paused;
    },
  };
}
