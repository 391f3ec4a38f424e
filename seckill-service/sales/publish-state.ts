import { parseSaleNode, type SaleNode } from '#contract/sale.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import type { ZooKeeper } from '#runtime/zookeeper.ts';
import { changeNode } from '#runtime/zookeeper-change.ts';

export type PublishOutcome = 'written' | 'current' | 'newer_is_there' | 'missing';

/** The sale's node in ZooKeeper, or null. */
export async function readSaleNode(zookeeper: ZooKeeper, saleId: string): Promise<SaleNode | null> {
  const node = await zookeeper.read(zookeeperPaths.sale(saleId));
  return node === null ? null : parseSaleNode(node.data);
}

/** Writes a whole node; makes it when there is none. A lower epoch never overwrites a higher one (I7). */
export async function publishSale(zookeeper: ZooKeeper, sale: SaleNode): Promise<PublishOutcome> {
  return publish(zookeeper, sale.saleId, () => sale);
}

/** What may change of a sale while it runs. */
export type SaleChange = Pick<SaleNode, 'state' | 'epoch'> & Partial<Pick<SaleNode, 'window'>>;

/** Changes state and epoch (and the window, when given) of a node that exists; `missing` when it does not (the reconciler makes it anew). */
export async function publishState(zookeeper: ZooKeeper, saleId: string, change: SaleChange): Promise<PublishOutcome> {
  return publish(zookeeper, saleId, (current) => (current === null ? null : { ...current, ...change }));
}

/** Of two writers one reads again and sees the other's epoch. */
function publish(
  zookeeper: ZooKeeper,
  saleId: string,
  next: (current: SaleNode | null) => SaleNode | null,
): Promise<PublishOutcome> {
  return changeNode<PublishOutcome>(zookeeper, zookeeperPaths.sale(saleId), (before) => {
    const current = before === null ? null : parseSaleNode(before);
    const wanted = next(current);
    if (wanted === null) return { data: null, result: 'missing' };
    if (current !== null && current.epoch > wanted.epoch) return { data: null, result: 'newer_is_there' };
    const data = Buffer.from(JSON.stringify(wanted));
    return before?.equals(data) ? { data: null, result: 'current' } : { data, result: 'written' };
  });
}
