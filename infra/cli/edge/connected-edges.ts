import type { EdgeNode } from '#contract/edge-stream.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectZooKeeper } from '#runtime/zookeeper/client.ts';
import { readEdges } from '#sales/edges.ts';

/** What each edge says of itself, over a connection for this one question. Rejects while ZooKeeper does not answer. */
export async function readConnectedEdges(connection: string): Promise<EdgeNode[]> {
  const logger = createLogger({ service: 'cli', instance: 'cli', level: 'silent' });
  const zookeeper = connectZooKeeper({ connection, logger });
  try {
    return await readEdges(zookeeper);
  } finally {
    zookeeper.close();
  }
}
