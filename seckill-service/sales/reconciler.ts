import type { SaleNews } from '#contract/sale-news.ts';
import { isShadowSale } from '#contract/shadow-sale.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { eachSafely, type Loop, startLoop } from '#runtime/loop.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import type { Leadership } from '#runtime/zookeeper/leader.ts';
import type { Stock } from '#stock/stock.ts';
import type { StockSale } from '#stock/stock-sale.ts';
import type { Catalogue } from './catalogue.ts';
import { type PublishOutcome, publishState, readSaleNode } from './publish-state.ts';
import type { PublishedSales } from './published-sales.ts';
import { republish, windowOf } from './sale-state.ts';

/** `heard` takes what stock Redis has news of to ZooKeeper at once, when this process is the leader. */
export type Reconciler = Pick<Loop, 'close'> & { heard: (news: SaleNews) => void };

/** So long after its window a sale stays on the list. */
const retireAfterMs = 3_600_000;
/** So long every edge knows it as closed; who asks after that gets it from the gateway. A rehearsal is of no interest then. */
const [overShownForMs, rehearsalShownForMs] = [30 * 86_400_000, 86_400_000];

/**
 * Repairs ZooKeeper from stock Redis when a writer died between the two (I7), and strikes sales off the list that every
 * loop walks once they are over for an hour and nothing of them is on its way; a month later ZooKeeper forgets them, or
 * every agent would read all that there ever were. One leader does it; what it writes is
 * fenced by the epoch, so a second one that believes itself leader does no harm. It tells only what the replicas of stock
 * Redis have, too: an epoch that was lost with its server would look like an older past of the next one.
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

  /** What was read before, or heard, may be of a server that is none any more: it is read again behind the barrier. */
  async function tell(
    saleId: string,
  ): Promise<{ state: StockSale['state']; epoch: number; outcome: PublishOutcome } | null> {
    const truth = await stock.barrier(saleId, () => stock.sale(saleId));
    if (truth === null) return null;
    const { state, epoch } = truth;
    const change = { state, epoch, window: windowOf(truth) };
    return { state, epoch, outcome: await publishState(zookeeper, saleId, change, published.seen(saleId)) };
  }

  async function reconcile(saleId: string, truth: StockSale | null | Error): Promise<void> {
    if (truth instanceof Error) throw truth;
    if (truth === null) return;
    const known = published.get(saleId);
    if (known === null && (await readSaleNode(zookeeper, saleId)) === null) {
      const sale = await catalogue.find(saleId);
      if (sale !== null) await republish({ stock, catalogue, zookeeper }, sale);
      logger.warn({ saleId, epoch: truth.epoch }, 'sale was missing in zookeeper, or unreadable: published again');
      return;
    }
    // At one epoch there is one state, but for the highest, which stays.
    const isBehind = known !== null && known.epoch === truth.epoch && known.state !== truth.state;
    if (known !== null && (known.epoch < truth.epoch || isBehind)) {
      const told = await tell(saleId);
      // Else it was only the news of it that had not come yet.
      if (told?.outcome === 'written')
        logger.warn({ saleId, state: told.state, from: known.epoch, to: told.epoch }, 'zookeeper was behind, repaired');
      return;
    }
    const isOld = Date.now() > truth.closesAtMs + retireAfterMs; // a first guess: stock Redis' own clock decides
    if (isOld && (await stock.retire(saleId, retireAfterMs))) logger.info({ saleId }, 'the sale is over, struck off');
  }

  function heard({ saleId }: SaleNews): void {
    if (!leadership.isLeader()) return;
    tell(saleId).then(
      (told) => logger.info({ saleId, ...told }, 'news of stock Redis'),
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

  const forgetting = startLoop({
    name: 'forgetting sales',
    everyMs: 10_000,
    logger,
    pass: async () => {
      if (!leadership.isLeader() || !published.isComplete()) return 'idle';
      const old = published.all().filter(({ saleId, window }) => {
        const shownForMs = isShadowSale(saleId) ? rehearsalShownForMs : overShownForMs;
        return Date.parse(window.closesAt) + shownForMs < Date.now();
      });
      if (old.length === 0) return 'idle';
      const listed = new Set(await stock.sales()); // those would be published again
      const forgotten: string[] = [];
      const one = async (saleId: string) => {
        await zookeeper.remove(zookeeperPaths.sale(saleId));
        forgotten.push(saleId);
      };
      const due = old.map(({ saleId }) => saleId).filter((saleId) => !listed.has(saleId));
      await eachSafely(due, one, (error, saleId) => warn(error, `forgetting ${saleId}`));
      if (forgotten.length > 0) logger.info({ sales: forgotten }, 'sales that are long over: ZooKeeper forgot them');
      return 'idle';
    },
  });
  return {
    close: async () => {
      await Promise.all([loop.close(), forgetting.close()]);
    },
    heard,
  };
}
