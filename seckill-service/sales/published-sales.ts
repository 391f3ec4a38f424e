import { parseSaleNode, type SaleNode } from '#contract/sale.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import type { Logger } from '#runtime/logger.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import { type Folder, followFolder } from '#runtime/zookeeper/folder.ts';

export type PublishedSales = Pick<Folder<SaleNode>, 'get' | 'seen' | 'all' | 'isComplete' | 'close'>;

/**
 * Every sale as ZooKeeper holds it at this moment, also with an epoch that is too low: the reconciler looks for that. One
 * that cannot be read counts as none: the code that goes on to write it reads it by itself, and says what is wrong.
 */
export function followPublishedSales(options: {
  zookeeper: ZooKeeper;
  logger: Logger;
  onUnreadable?: () => void;
}): PublishedSales {
  return followFolder({ ...options, parent: zookeeperPaths.sales, parse: parseSaleNode, unreadable: 'drop' });
}
