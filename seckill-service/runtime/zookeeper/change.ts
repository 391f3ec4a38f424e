import type { ZooKeeper, ZooKeeperNode } from './client.ts';

/** What a node shall hold, and what the caller is told then. `data` null: the node stays as it is. */
export type NodeChange<T> = { data: Buffer | null; result: T };

const maxTries = 10;

/** Other writers changed the node between our read and our write, at every try. Our change was not written. */
export class NodeContendedError extends Error {}

/**
 * Changes a node and loses no other writer's change: reads it, asks `decide` what it shall hold (null: there is no node
 * yet), and writes only when the node still has the version that was read; else it reads and asks again. `seen`: what the
 * caller has read of it already, which saves the first read; it is good for a write alone, because ZooKeeper then says
 * whether it was true.
 * Throws {@link NodeContendedError} after 10 tries, and what `decide` and ZooKeeper throw at once.
 */
export async function changeNode<T>(
  zookeeper: ZooKeeper,
  path: string,
  decide: (current: Buffer | null) => NodeChange<T> | Promise<NodeChange<T>>,
  seen: Pick<ZooKeeperNode, 'data' | 'version'> | null = null,
): Promise<T> {
  if (seen !== null) {
    const { data, result } = await decide(seen.data);
    if (data !== null && (await zookeeper.write(path, data, seen.version))) return result;
  }
  for (let attempt = 0; attempt < maxTries; attempt += 1) {
    const node = await zookeeper.read(path);
    const { data, result } = await decide(node?.data ?? null);
    if (data === null) return result;
    const written =
      node === null ? await zookeeper.create(path, data) : await zookeeper.write(path, data, node.version);
    if (written) return result;
  }
  throw new NodeContendedError(`${path} was not changed: others changed it ${maxTries} times in a row. Try again.`);
}
