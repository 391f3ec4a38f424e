import { type DrainSettings, defaultDrainSettings, drainSettingsSchema } from '#contract/drain.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { startLoop } from '#runtime/loop.ts';
import { changeNode } from '#runtime/zookeeper/change.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';

/** What ops set. Throws when ZooKeeper does not answer, or holds something else there. */
export async function readDrainSettings(zookeeper: ZooKeeper, watch?: () => void): Promise<DrainSettings> {
  const node = await zookeeper.read(zookeeperPaths.drain, watch);
  if (node === null) return defaultDrainSettings;
  const settings = parse(node.data.toString());
  if (settings !== null) return settings;
  throw new Error(`${zookeeperPaths.drain} in ZooKeeper cannot be read; mend: seckill drain rate <orders a second>`);
}

/** Changes some of the settings and leaves the others; returns what is in force then. */
export function changeDrainSettings(zookeeper: ZooKeeper, change: Partial<DrainSettings>): Promise<DrainSettings> {
  return changeNode(zookeeper, zookeeperPaths.drain, (before) => {
    const result = drainSettingsSchema.parse({
      ...defaultDrainSettings,
      // What cannot be read is overwritten: ops must be able to mend it.
      ...(before === null ? {} : (parse(before.toString()) ?? {})),
      ...change,
    });
    return { data: Buffer.from(JSON.stringify(result)), result };
  });
}

function parse(text: string): DrainSettings | null {
  try {
    return drainSettingsSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

export type DrainSettingsWatch = {
  /** The settings as last read, null before the first time. */
  last: () => DrainSettings | null;
  /** False when ZooKeeper has been silent for seconds: another worker may know better. */
  isFresh: () => boolean;
  close: () => Promise<void>;
};

/** Keeps what ops set in memory: a watch for speed, and a look every second for certainty. */
export function watchDrainSettings(deps: {
  zookeeper: ZooKeeper;
  logger: Logger;
  onChange: (settings: DrainSettings) => void;
}): DrainSettingsWatch {
  const { zookeeper, logger, onChange } = deps;
  const warn = createThrottledWarn(logger, 60_000);
  let last: DrainSettings | null = null;
  let readAt = Number.NEGATIVE_INFINITY;
  const onNode = () => loop.nudge(); // one function for ever: the client drops a second watch with the same one
  const loop = startLoop({
    name: 'drain settings',
    everyMs: 1000,
    logger,
    pass: async () => {
      try {
        const settings = await readDrainSettings(zookeeper, onNode);
        readAt = performance.now();
        if (settings.ratePerSecond === last?.ratePerSecond && settings.paused === last.paused) return 'idle';
        last = settings;
        logger.info(settings, 'drain settings');
        onChange(settings);
      } catch (error) {
        warn(error, 'the drain settings cannot be read: the last ones stay in force');
      }
      return 'idle';
    },
  });
  return { last: () => last, isFresh: () => performance.now() - readAt < 5000, close: loop.close };
}
