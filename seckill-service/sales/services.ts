import { type ServiceNode, serviceNodeSchema } from '#contract/edge-stream.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import type { ZooKeeper } from '#runtime/zookeeper.ts';

/** Every connected seckill-service, by instance. Throws while ZooKeeper does not answer. */
export async function readServices(zookeeper: ZooKeeper): Promise<ServiceNode[]> {
  const instances = await zookeeper.children(zookeeperPaths.services);
  const nodes = await Promise.all(
    instances.sort().map(async (instance) => {
      const node = await zookeeper.read(zookeeperPaths.service(instance));
      return node === null ? null : serviceNodeSchema.parse(JSON.parse(node.data.toString()));
    }),
  );
  return nodes.filter((node) => node !== null);
}
