import type { Own } from '#runtime/belongings.ts';
import type { Logger } from '#runtime/logger.ts';
import { startLoop } from '#runtime/loop.ts';
import type { Redis } from '#runtime/redis/connect.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import type { Leadership } from '#runtime/zookeeper/leader.ts';
import type { Stock } from '#stock/stock.ts';
import type { Catalogue } from './catalogue.ts';
import type { createSaleMetrics } from './metrics.ts';
import { followPublishedSales, type PublishedSales } from './published-sales.ts';
import { startReconciler } from './reconciler.ts';
import { createRollbackGuard, type RollbackGuard } from './rollback-guard.ts';
import { watchSaleGauges } from './sale-gauges.ts';
import { listenForSaleNews } from './sale-news.ts';

/**
 * Keeps stock Redis, ZooKeeper and the metrics of every sale in step: the reconciler, the news that it hears, the gauges,
 * and the guard that looks for an older past. The guard is given back, for the gate and for the orders it shall remember,
 * and the sales as ZooKeeper holds them.
 */
export function keepSales(deps: {
  own: Own;
  /** Over a connection of kind `patient`. */
  stock: Stock;
  /** Kind `listening`, stock Redis. */
  listening: Redis;
  catalogue: Catalogue;
  zookeeper: ZooKeeper;
  leadership: Leadership;
  metrics: ReturnType<typeof createSaleMetrics>;
  logger: Logger;
}): { guard: RollbackGuard; published: PublishedSales } {
  const { own, stock, listening, catalogue, zookeeper, leadership, metrics, logger } = deps;
  const published = own(
    'published sales',
    followPublishedSales({ zookeeper, logger, onUnreadable: () => metrics.unreadableNodes.inc() }),
  );
  const reconciler = own('reconciler', startReconciler({ stock, catalogue, zookeeper, published, leadership, logger }));
  own('news', listenForSaleNews({ redis: listening, logger, onNews: reconciler.heard }));
  const guard = createRollbackGuard({
    catalogue,
    zookeeper,
    logger,
    onRollback: (saleId) => metrics.rollbacks.inc({ sale: saleId }),
  });
  own(
    'sale gauges',
    watchSaleGauges({
      stock,
      logger,
      onSale: (saleId, sale) => {
        metrics.saw(saleId, sale);
        if (sale.state === 'paused' && sale.fault !== null) guard.forget(saleId);
      },
      onGone: metrics.forget,
    }),
  );
  own(
    'rollback check',
    startLoop({
      name: 'rollback check',
      everyMs: 2000,
      logger,
      pass: async () => {
        if (leadership.isLeader()) await guard.check(stock, { published });
        return 'idle';
      },
    }),
  );
  return { guard, published };
}
