import { type EdgeSettings, edgeSettingsSchema, foundEdgeSettingsSchema } from '#contract/edge-settings.ts';
import { nextEpoch } from '#contract/epoch.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { changeNode } from '#runtime/zookeeper/change.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import { readEdges } from './edges.ts';

const path = zookeeperPaths.edgeSettings;

/** Before anybody has changed anything. */
export const noEdgeSettings: Omit<EdgeSettings, 'version'> = { limits: {}, maintenance: null };

/** What stands there makes no sense: edges go on with what they obey, and the next change writes over it. */
export const unreadable = 'unreadable';

/** What ops have set for the edges; null when nothing was ever set. */
export async function readEdgeSettings(zookeeper: ZooKeeper): Promise<EdgeSettings | null | typeof unreadable> {
  const node = await zookeeper.read(path);
  return node === null ? null : parse(node.data.toString());
}

function parse(text: string): EdgeSettings | typeof unreadable {
  try {
    return foundEdgeSettingsSchema.parse(JSON.parse(text));
  } catch {
    return unreadable;
  }
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
    const read = before === null ? unreadable : parse(before.toString());
    const { version, ...current } = read === unreadable ? { version: 0, ...noEdgeSettings } : read;
    const applied = (await readEdges(zookeeper)).map(({ settingsVersion }) => settingsVersion);
    const result = edgeSettingsSchema.parse({ ...change(current), version: nextEpoch(version, ...applied) });
    return { data: Buffer.from(JSON.stringify(result)), result };
  });
}
