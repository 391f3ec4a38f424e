import { type Connections, openConnections } from '#infra/cli/kit/connections.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectZooKeeper } from '#runtime/zookeeper/client.ts';
import { zookeeperOf } from '../servers/zookeeper.ts';

/** What a command works with, but for ZooKeeper's deadlines: what a test itself asks may take as long as it wants. */
export async function openPatientConnections(environment: Record<string, string>): Promise<Connections> {
  const connections = await openConnections(environment);
  const zookeeper = connectZooKeeper({
    ...zookeeperOf(environment),
    logger: createLogger({ service: 'test', instance: 'test', level: 'silent' }),
    sessionTimeoutMs: 10_000,
    callTimeoutMs: 20_000,
  });
  return {
    ...connections,
    zookeeper,
    close: async () => {
      zookeeper.close();
      await connections.close();
    },
  };
}
