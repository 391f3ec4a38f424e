import type { SaleNews } from '#contract/sale-news.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { eachSafely, type Loop, startLoop } from '#runtime/loop.ts';
import type { ZooKeeper } from '#runtime/zookeeper.ts';
import type { Leadership } from '#runtime/zookeeper-leader.ts';
import type { Stock } from '#stock/stock.ts';
import type { Catalogue } from './catalogue.ts';
import { publishState, readSaleNode } from './publish-state.ts';
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
  leadership: Leadership;
  logger: Logger;
  everyMs?: number;
}): Reconciler {
  const { stock, catalogue, zookeeper, leadership, logger, everyMs = 500 } = deps;

  const warn = createThrottledWarn(logger);

  async function reconcile(saleId: string): Promise<void> {
    const [truth, published] = await Promise.all([stock.sale(saleId), readSaleNode(zookeeper, saleId)]);
    if (truth === null) return;
    if (published === null) {
      const sale = await catalogue.find(saleId);
      if (sale !== null) await republish({ stock, catalogue, zookeeper }, sale);
      logger.warn({ saleId, epoch: truth.epoch }, 'sale was missing in zookeeper, published again');
      return;
    }
    if (published.epoch < truth.epoch) {
      await publishState(zookeeper, saleId, { state: truth.state, epoch: truth.epoch, window: windowOf(truth) });
      logger.warn(
        { saleId, state: truth.state, from: published.epoch, to: truth.epoch },
        'zookeeper was behind, repaired',
      );
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
      if (!leadership.isLeader()) return 'idle';
      await eachSafely(await stock.sales(), reconcile, (error, saleId) => warn(error, `reconciling ${saleId}`));
      return 'idle';
    },
  });
  return { close: loop.close, heard };
}
