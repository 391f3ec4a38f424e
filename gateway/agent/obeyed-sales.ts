import { parseSaleNode, type SaleNode } from '#contract/sale.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import type { Logger } from '#runtime/logger.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import { type Folder, followFolder } from '#runtime/zookeeper/folder.ts';

/**
 * Every sale as this edge obeys it. A lower epoch never overwrites a higher one (I7), and of a node that cannot be read
 * the last good one stays in force.
 */
export function followObeyedSales(options: { zookeeper: ZooKeeper; logger: Logger }): Folder<SaleNode> {
  return followFolder({
    ...options,
    parent: zookeeperPaths.sales,
    parse: parseSaleNode,
    isInForce: (read, known) => read.epoch >= known.epoch,
    unreadable: 'keep',
  });
}
