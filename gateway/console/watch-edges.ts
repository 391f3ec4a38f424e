import { edgeNodeSchema } from '#contract/edge-stream.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import type { Logger } from '#runtime/logger.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import type { EdgeNow } from './sample.ts';
import { watchNodes } from './watch-nodes.ts';

/** Every connected edge with what it has applied, as its agent told ZooKeeper. */
export function watchEdges(deps: { zookeeper: ZooKeeper; logger: Logger }): {
  all: () => EdgeNow[];
  close: () => void;
} {
  const edges = watchNodes({ ...deps, parent: zookeeperPaths.edges, read: edgeOf });
  return {
    all: () => (edges.all() ?? []).sort((a, b) => a.edgeId.localeCompare(b.edgeId)),
    close: edges.close,
  };
}

function edgeOf(text: string): EdgeNow {
  const { gatewayKeyIds: _, ...edge } = edgeNodeSchema.parse(JSON.parse(text));
  return edge;
}
