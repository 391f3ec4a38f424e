import { setTimeout as wait } from 'node:timers/promises';
import { edgeNodeSchema } from '#contract/edge-stream.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import type { ZooKeeper } from '#runtime/zookeeper.ts';

/** Edges by whether they have applied an epoch of a sale. */
export type EdgesInStep = { inStep: string[]; behind: string[] };

/** Waits, at most `withinMs`, until every connected edge has applied `epoch` of a sale, and says how it ended. */
export async function edgesInStep(
  zookeeper: ZooKeeper,
  saleId: string,
  epoch: number,
  withinMs = 3000,
): Promise<EdgesInStep> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const result: EdgesInStep = { inStep: [], behind: [] };
    for (const edgeId of await zookeeper.children(zookeeperPaths.edges)) {
      const node = await zookeeper.read(zookeeperPaths.edge(edgeId));
      if (node === null) continue;
      const { epochs } = edgeNodeSchema.parse(JSON.parse(node.data.toString()));
      const list = (epochs[saleId] ?? 0) >= epoch ? result.inStep : result.behind;
      list.push(edgeId);
    }
    if (result.behind.length === 0 || performance.now() >= deadline) return result;
    await wait(20);
  }
}
