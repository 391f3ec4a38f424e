import { type EdgeSettings, edgeSettingsSchema } from '#contract/edge-settings.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import type { ZooKeeper } from '#runtime/zookeeper.ts';
import { changeNode } from '#runtime/zookeeper-change.ts';
import { readEdges } from './edges.ts';

const path = zookeeperPaths.edgeSettings;

/** Before anybody has changed anything. */
export const noEdgeSettings: Omit<EdgeSettings, 'version'> = { limits: {}, maintenance: null };

/** What ops have set for the edges; null when nothing was ever set. Throws when the node makes no sense. */
export async function readEdgeSettings(zookeeper: ZooKeeper): Promise<EdgeSettings | null> {
  const node = await zookeeper.read(path);
  return node === null ? null : edgeSettingsSchema.parse(JSON.parse(node.data.toString()));
}

/**
 * Changes the settings and returns the new ones. The version ends above the node's and above what any edge has applied:
 * edges go by the highest they know, also after a ZooKeeper that has lost its data.
 */
export async function changeEdgeSettings(
  zookeeper: ZooKeeper,
  change: (current: Omit<EdgeSettings, 'version'>) => Omit<EdgeSettings, 'version'>,
): Promise<EdgeSettings> {
  return changeNode(zookeeper, path, async (before) => {
    const { version, ...current } =
      before === null ? { version: 0, ...noEdgeSettings } : edgeSettingsSchema.parse(JSON.parse(before.toString()));
    const applied = (await readEdges(zookeeper)).map(({ settingsVersion }) => settingsVersion);
    const result = edgeSettingsSchema.parse({ ...change(current), version: Math.max(version, ...applied) + 1 });
    return { data: Buffer.from(JSON.stringify(result)), result };
  });
}
