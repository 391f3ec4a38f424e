import { edgeNodeSchema } from '#contract/edge-stream.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import type { Logger } from '#runtime/logger.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import { watchChildren } from '#runtime/zookeeper/watch.ts';
import type { EdgeNow } from './sample.ts';

/** Every connected edge with what it has applied, as its agent told ZooKeeper. */
export function watchEdges(options: { zookeeper: ZooKeeper; logger: Logger }): {
  all: () => EdgeNow[];
  close: () => void;
} {
  const edges = new Map<string, EdgeNow>();
  const watch = watchChildren({
    ...options,
    parent: zookeeperPaths.edges,
    restMs: 250, // the console looks once a second
    onChange: (edgeId, data) => {
      const read = data === null ? null : edgeOf(data.toString());
      // One that another version wrote is left as it was: its own gateway shows it.
      if (data === null) edges.delete(edgeId);
      else if (read !== null) edges.set(edgeId, read);
    },
  });
  return {
    all: () => [...edges.values()].sort((a, b) => a.edgeId.localeCompare(b.edgeId)),
    close: watch.close,
  };
}

function edgeOf(text: string): EdgeNow | null {
  try {
    const { gatewayKeyIds: _, ...edge } = edgeNodeSchema.parse(JSON.parse(text));
    return edge;
  } catch {
    return null;
  }
}
