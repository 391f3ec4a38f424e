import { type SaleNode, saleNodeSchema } from '#contract/sale.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import type { ZooKeeper } from '#runtime/zookeeper.ts';

export type PublishOutcome = 'written' | 'current' | 'newer_is_there' | 'missing';

const maxTries = 10;

/** The sale's node in ZooKeeper, or null. */
export async function readSaleNode(zookeeper: ZooKeeper, saleId: string): Promise<SaleNode | null> {
  const node = await zookeeper.read(zookeeperPaths.sale(saleId));
  return node === null ? null : saleNodeSchema.parse(JSON.parse(node.data.toString()));
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

async function publish(
  zookeeper: ZooKeeper,
  saleId: string,
  next: (current: SaleNode | null) => SaleNode | null,
): Promise<PublishOutcome> {
  const path = zookeeperPaths.sale(saleId);
  for (let attempt = 0; attempt < maxTries; attempt += 1) {
    const node = await zookeeper.read(path);
    const current = node === null ? null : saleNodeSchema.parse(JSON.parse(node.data.toString()));
    const wanted = next(current);
    if (wanted === null) return 'missing';
    if (current !== null && current.epoch > wanted.epoch) return 'newer_is_there';
    const data = Buffer.from(JSON.stringify(wanted));
    if (node?.data.equals(data)) return 'current';
    // Compare-and-set on the node's version: of two writers one reads again and sees the other's epoch.
    const written =
      node === null ? await zookeeper.create(path, data) : await zookeeper.write(path, data, node.version);
    if (written) return 'written';
  }
  throw new Error(`${path} was changed by others ${maxTries} times in a row`);
}
