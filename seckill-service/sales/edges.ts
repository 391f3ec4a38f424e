import { setTimeout as wait } from 'node:timers/promises';
import { type EdgeNode, edgeNodeSchema, nothingApplied } from '#contract/edge-stream.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';

/** Every connected edge, by id, with what it has applied. Throws while ZooKeeper does not answer. */
export async function readEdges(zookeeper: ZooKeeper): Promise<EdgeNode[]> {
  const ids = await zookeeper.children(zookeeperPaths.edges);
  const nodes = await Promise.all(ids.sort().map((edgeId) => readEdge(zookeeper, edgeId)));
  return nodes.filter((node) => node !== null);
}

async function readEdge(zookeeper: ZooKeeper, edgeId: string): Promise<EdgeNode | null> {
  const node = await zookeeper.read(zookeeperPaths.edge(edgeId));
  if (node === null) return null;
  const parsed = edgeNodeSchema.safeParse(parseJson(node.data.toString()));
  // A node that another version wrote is an edge all the same: one that has applied nothing as far as we can see.
  const unknown = { edgeId, ...nothingApplied, appliedAt: new Date(0).toISOString(), silentSince: null };
  return parsed.success ? parsed.data : { ...unknown, gatewayKeyIds: [] };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Edges by whether they have applied what was asked for. `tookMs`: how long it took, or how long it was waited. */
export type EdgesInStep = { inStep: string[]; behind: string[]; tookMs: number };

/** Waits, at most `withinMs`, until every connected edge has applied it, and says how it ended. */
export async function waitForEdges(
  zookeeper: ZooKeeper,
  hasApplied: (edge: EdgeNode) => boolean,
  withinMs = 3000,
): Promise<EdgesInStep> {
  const from = performance.now();
  for (;;) {
    const edges = await readEdges(zookeeper);
    const inStep = edges.filter(hasApplied).map(({ edgeId }) => edgeId);
    const behind = edges.filter((edge) => !hasApplied(edge)).map(({ edgeId }) => edgeId);
    const tookMs = Math.round(performance.now() - from);
    if (behind.length === 0 || tookMs >= withinMs) return { inStep, behind, tookMs };
    await wait(10);
  }
}

/** Waits, at most `withinMs`, until every connected edge has applied `epoch` of a sale, and says how it ended. */
export function edgesInStep(
  zookeeper: ZooKeeper,
  saleId: string,
  epoch: number,
  withinMs?: number,
): Promise<EdgesInStep> {
  return waitForEdges(zookeeper, ({ epochs }) => (epochs[saleId] ?? 0) >= epoch, withinMs);
}
