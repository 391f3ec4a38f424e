import { nextEpoch } from '#contract/epoch.ts';
import type { SaleNode } from '#contract/sale.ts';
import { withDeadline } from '#runtime/deadline.ts';
import type { Logger } from '#runtime/logger.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import type { SetStateOutcome } from '#stock/outcomes.ts';
import type { Stock } from '#stock/stock.ts';
import type { StockSale } from '#stock/stock-sale.ts';
import type { Catalogue } from './catalogue.ts';
import { createGivenOrders } from './given-orders.ts';
import { judgePast, type Verdict } from './judge-past.ts';
import { publishState, readSaleNode, type SaleChange } from './publish-state.ts';
import type { PublishedSales } from './published-sales.ts';

type GuardedStock = Pick<Stock, 'sales' | 'eachSale' | 'withoutReservation' | 'pauseForFault' | 'barrier'>;

/**
 * Notices that stock Redis came back with an older past (a restored backup, a lost disk, a failover that lost writes),
 * and pauses the sale before it sells what is sold already. Nothing of what it compares can be ahead of Redis when all
 * is well, because each was written after Redis had answered:
 *
 * - the highest place that this process itself was given, and its newest orders: others may have sold on meanwhile, so
 *   that the number alone fits again,
 * - the newest orders in PostgreSQL, and the epoch that the command line noted there,
 * - the epoch in ZooKeeper.
 *
 * A witness that is away is passed over; the leader among the services looks again all the time. An older past is believed only
 * of a server that has its replicas: one that was cut off from them while another took its place lacks what that one sold since.
 */
export type RollbackGuard = {
  /** Remembers an order that stock Redis granted. */
  sawOrder: (saleId: string, place: number, orderId: string) => void;
  /** A fault of this sale is known: what was seen before is no evidence against what a rebuild makes of it. */
  forget: (saleId: string) => void;
  /**
   * Looks at every sale over the given connection; pauses those whose past is older than a witness knows, and returns
   * their ids. With `needsWitness` it throws when there is none at all: then nothing is known, and nothing may be sold.
   * With `published` ZooKeeper is not asked sale by sale.
   */
  check: (stock: GuardedStock, options?: { needsWitness?: boolean; published?: PublishedSales }) => Promise<string[]>;
};

/** Redis' clock decides when a sale is over, this one only roughly. */
const clockSlackMs = 60_000;
export function createRollbackGuard(deps: {
  catalogue: Pick<Catalogue, 'witnesses'>;
  zookeeper: ZooKeeper;
  logger: Logger;
  onRollback: (saleId: string) => void;
  witnessTimeoutMs?: number;
}): RollbackGuard {
  const { catalogue, zookeeper, logger, onRollback, witnessTimeoutMs = 1500 } = deps;
  const given = createGivenOrders();

  async function ask<T>(what: string, work: Promise<T>): Promise<T | undefined> {
    try {
      return await withDeadline(work, witnessTimeoutMs, what);
    } catch (error) {
      logger.warn({ err: error }, `rollback check without ${what}`);
      return undefined;
    }
  }

  /** By sale; a sale that could not be asked for is not in it. */
  async function publishedOf(saleIds: string[], followed?: PublishedSales): Promise<Map<string, SaleNode | null>> {
    const nodes = new Map<string, SaleNode | null>();
    if (zookeeper.ready() !== null) return nodes;
    const read = async (saleId: string) => {
      const node = followed?.isComplete()
        ? followed.get(saleId)
        : await ask('zookeeper', readSaleNode(zookeeper, saleId));
      if (node !== undefined) nodes.set(saleId, node);
    };
    await Promise.all(saleIds.map(read));
    return nodes;
  }

  async function pause(stock: GuardedStock, saleId: string, found: { fault: string; epoch: number }): Promise<void> {
    logger.error({ saleId, fault: found.fault }, 'ROLLBACK: stock Redis has an older past; the sale is paused');
    let isPaused = false;
    const write = async () => {
      const outcome = await stock.pauseForFault(saleId, found.fault, found.epoch);
      isPaused = true;
      return outcome;
    };
    // Write and wait over one connection: an epoch that was lost with its server would be evidence against the next one.
    const outcome = await stock.barrier(saleId, write).catch((error: unknown) => {
      if (!isPaused) throw error;
      logger.warn({ saleId, err: error }, 'the pause is not told yet');
      return null;
    });
    // The reconciler tells it when this fails, or is not done.
    if (outcome !== null) await ask('zookeeper', publishState(zookeeper, saleId, changeBy(outcome, found.epoch)));
    given.forget(saleId);
    onRollback(saleId);
  }

  /** Looks once more; throws when too few replicas say that this is their primary. */
  async function confirm(
    stock: GuardedStock,
    saleId: string,
    fault: string,
    judge: (sale: StockSale | Error | null) => Promise<Verdict>,
  ): Promise<Verdict> {
    try {
      return await stock.barrier(saleId, async () => judge((await stock.eachSale([saleId])).get(saleId) ?? null));
    } catch (error) {
      logger.warn(
        { saleId, fault, err: error },
        'an older past, but not of a primary with its replicas: no sale is paused',
      );
      throw error;
    }
  }

  return {
    sawOrder: given.saw,
    forget: given.forget,
    check: async (stock, { needsWitness = false, published: followed } = {}) => {
      const stored = await ask('postgres', catalogue.witnesses());
      if (needsWitness && stored === undefined && zookeeper.ready() !== null && given.saleIds().length === 0) {
        throw new Error('neither PostgreSQL nor ZooKeeper answers, and this process has seen nothing itself');
      }
      const witnesses = new Map(stored?.map((witness) => [witness.saleId, witness]));
      const saleIds = [...new Set([...(await stock.sales()), ...witnesses.keys(), ...given.saleIds()])];
      const nodes = await publishedOf(saleIds, followed);
      // Before the stock is read: what is given out after that is no witness against what was read.
      const before = given.copy();
      const sales = await stock.eachSale(saleIds);
      const paused: string[] = [];
      // All at once: with a server that hangs, a thousand sales wait as long as one.
      await Promise.all(
        saleIds.map(async (saleId) => {
          const [sale = null, published = null, mine] = [sales.get(saleId), nodes.get(saleId), before.get(saleId)];
          const isWithoutWitness = stored === undefined && !nodes.has(saleId) && mine === undefined;
          if (needsWitness && isWithoutWitness && mayBeSold(sale)) {
            throw new Error(
              `neither PostgreSQL nor ZooKeeper says what was sold of ${saleId}, nor has this process seen it`,
            );
          }
          const witness = witnesses.get(saleId);
          const judge = (now: typeof sale) => {
            const evidence = now instanceof Error ? now : { saleId, witness, published, given: mine, sale: now };
            return judgePast(stock, evidence, witness?.epoch ?? 0);
          };
          const seen = await judge(sale);
          const verdict = seen.kind === 'older' ? await confirm(stock, saleId, seen.fault, judge) : seen;
          if (verdict.kind === 'settled') given.forget(saleId);
          if (verdict.kind !== 'older') return;
          await pause(stock, saleId, verdict);
          paused.push(saleId);
        }),
      );
      return paused;
    },
  };
}

/** Closed, when ops were quicker; a sale that stock Redis does not know is paused for all who know it. */
function changeBy(outcome: SetStateOutcome, known: number): SaleChange {
  if (outcome.kind === 'sale_unknown') return { state: 'paused', epoch: nextEpoch(known) };
  return { state: outcome.state, epoch: outcome.epoch };
}

/** By the clock: what state a Redis with an older past says it is in is no evidence. */
const mayBeSold = (sale: StockSale | Error | null) =>
  sale instanceof Error || (sale !== null && sale.state !== 'closed' && sale.closesAtMs > Date.now() - clockSlackMs);
