import { parseSaleNode, type SaleNode, saleNodeSchema } from '#contract/sale.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { changeNode, type NodeChange } from '#runtime/zookeeper/change.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import type { SeenNode } from '#runtime/zookeeper/folder.ts';

export type PublishOutcome = 'written' | 'current' | 'newer_is_there' | 'missing';

/**
 * The sale's node in ZooKeeper; null when there is none, or none that can be read: that counts as none for everybody, and
 * the next who publishes the sale writes over it.
 */
export async function readSaleNode(zookeeper: ZooKeeper, saleId: string): Promise<SaleNode | null> {
  const node = await zookeeper.read(zookeeperPaths.sale(saleId));
  return node === null ? null : readable(node.data, saleId);
}

function readable(data: Buffer, saleId: string): SaleNode | null {
  try {
    return parseSaleNode(data, saleId);
  } catch {
    return null;
  }
}

/** Writes a whole node; makes it when there is none. A lower epoch never overwrites a higher one (I7). */
export async function publishSale(zookeeper: ZooKeeper, sale: SaleNode): Promise<PublishOutcome> {
  return publish(zookeeper, sale.saleId, () => sale);
}

/** What may change of a sale while it runs. */
export type SaleChange = Pick<SaleNode, 'state' | 'epoch'> & Partial<Pick<SaleNode, 'window'>>;

/**
 * Changes state and epoch (and the window, when given) of a node that exists; `missing` when it does not, or cannot be
 * read (the reconciler makes it anew). `seen`: as of {@link changeNode}.
 */
export async function publishState(
  zookeeper: ZooKeeper,
  saleId: string,
  change: SaleChange,
  seen: SeenNode | null = null,
): Promise<PublishOutcome> {
  return publish(zookeeper, saleId, (current) => (current === null ? null : { ...current, ...change }), seen);
}

/** Of two writers one reads again and sees the other's epoch. */
function publish(
  zookeeper: ZooKeeper,
  saleId: string,
  next: (current: SaleNode | null) => SaleNode | null,
  seen: SeenNode | null = null,
): Promise<PublishOutcome> {
  const decide = (before: Buffer | null): NodeChange<PublishOutcome> => {
    const current = before === null ? null : readable(before, saleId);
    const wanted = next(current);
    if (wanted === null) return { data: null, result: 'missing' };
    if (current !== null && current.epoch > wanted.epoch) return { data: null, result: 'newer_is_there' };
    // Nothing is written that no process could read.
    const data = Buffer.from(JSON.stringify(saleNodeSchema.parse(wanted)));
    return before?.equals(data) ? { data: null, result: 'current' } : { data, result: 'written' };
  };
  return changeNode(zookeeper, zookeeperPaths.sale(saleId), decide, seen);
}
