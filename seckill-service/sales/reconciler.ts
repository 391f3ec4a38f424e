import type { SaleNews } from '#contract/sale-news.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { eachSafely, type Loop, startLoop } from '#runtime/loop.ts';
import type { ZooKeeper } from '#runtime/zookeeper.ts';
import type { Leadership } from '#runtime/zookeeper-leader.ts';
import type { Stock } from '#stock/stock.ts';
import type { StockSale } from '#stock/stock-sale.ts';
import type { Catalogue } from './catalogue.ts';
import { publishState, readSaleNode } from './publish-state.ts';
import type { PublishedSales } from './published-sales.ts';
import { republish, windowOf } from './sale-state.ts';

/** `heard` takes news of stock Redis to ZooKeeper at once, when this process is the leader. */
export type Reconciler = Pick<Loop, 'close'> & { heard: (news: SaleNews) => void };

/** So long after its window a sale stays on the list. */
const retireAfterMs = 3_600_000;

/**
 * Repairs ZooKeeper from stock Redis when a writer died between the two (I7), and strikes sales off the list that every
 * loop walks once they are over for an hour and nothing of them is on its way. One leader does it; what it writes is
 * fenced by the epoch, so a second one that believes itself leader does no harm.
 */
export function startReconciler(deps: {
  stock: Stock;
  catalogue: Catalogue;
  zookeeper: ZooKeeper;
  published: PublishedSales;
  leadership: Leadership;
  logger: Logger;
  everyMs?: number;
}): Reconciler {
  const { stock, catalogue, zookeeper, published, leadership, logger, everyMs = 500 } = deps;

  const warn = createThrottledWarn(logger);

  async function reconcile(saleId: string, truth: StockSale | null | Error): Promise<void> {
    if (truth instanceof Error) throw truth;
    if (truth === null) return;
    const known = published.get(saleId);
    if (known === null && (await readSaleNode(zookeeper, saleId)) === null) {
      const sale = await catalogue.find(saleId);
      if (sale !== null) await republish({ stock, catalogue, zookeeper }, sale);
      logger.warn({ saleId, epoch: truth.epoch }, 'sale was missing in zookeeper, published again');
      return;
    }
    if (known !== null && known.epoch < truth.epoch) {
      const { state, epoch } = truth;
      const outcome = await publishState(zookeeper, saleId, { state, epoch, window: windowOf(truth) });
      // Else it was only the news of it that had not come yet.
      if (outcome === 'written')
        logger.warn({ saleId, state, from: known.epoch, to: epoch }, 'zookeeper was behind, repaired');
      return;
    }
    const isOld = Date.now() > truth.closesAtMs + retireAfterMs; // a first guess: stock Redis' own clock decides
    if (isOld && (await stock.retire(saleId, retireAfterMs))) logger.info({ saleId }, 'the sale is over, struck off');
  }

  function heard({ saleId, state, epoch }: SaleNews): void {
    if (!leadership.isLeader()) return;
    publishState(zookeeper, saleId, { state, epoch }).then(
      (outcome) => logger.info({ saleId, state, epoch, outcome }, 'news of stock Redis'),
      (error: unknown) => warn(error, `publishing ${saleId}`), // the next pass makes up for it
    );
  }

  const loop = startLoop({
    name: 'reconciler',
    everyMs,
    logger,
    pass: async () => {
      if (!leadership.isLeader() || !published.isComplete()) return 'idle';
      const sales = await stock.eachSale(await stock.sales());
      const one = ([saleId, truth]: [string, StockSale | null | Error]) => reconcile(saleId, truth);
      await eachSafely(sales, one, (error, [saleId]) => warn(error, `reconciling ${saleId}`));
      return 'idle';
    },
  });
  return { close: loop.close, heard };
}
