import { type ServiceNode, serviceNodeSchema } from '#contract/edge-stream.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';

/** Every connected seckill-service, by instance. Throws while ZooKeeper does not answer. */
export async function readServices(zookeeper: ZooKeeper): Promise<ServiceNode[]> {
  const instances = await zookeeper.children(zookeeperPaths.services);
  const nodes = await Promise.all(
    instances.sort().map(async (instance) => {
      const node = await zookeeper.read(zookeeperPaths.service(instance));
      return node === null ? null : read(instance, node.data.toString());
    }),
  );
  return nodes.filter((node) => node !== null);
}

/** One that cannot be read is a service all the same, and knows no key as far as we can see. */
function read(instance: string, text: string): ServiceNode {
  try {
    return serviceNodeSchema.parse(JSON.parse(text));
  } catch {
    return { instance, keyIds: [], gate: null };
  }
}
