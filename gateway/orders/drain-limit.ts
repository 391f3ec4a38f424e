import { defaultDrainSettings, drainSettingsSchema } from '#contract/drain.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import type { Logger } from '#runtime/logger.ts';
import { startLoop } from '#runtime/loop.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';

/** Keeps in memory how many orders a second ops let into the database: null without a limit, while paused or unknown. */
export function watchDrainLimit(deps: { zookeeper: ZooKeeper; logger: Logger; everyMs?: number }) {
  const { zookeeper, logger, everyMs = 2000 } = deps;
  let perSecond: number | null = null;
  const loop = startLoop({
    name: 'drain limit',
    everyMs,
    logger,
    pass: async () => {
      if (zookeeper.ready() !== null) return 'idle'; // away: the last word stands
      const node = await zookeeper.read(zookeeperPaths.drain);
      const settings =
        node === null ? defaultDrainSettings : drainSettingsSchema.parse(JSON.parse(node.data.toString()));
      perSecond = settings.paused ? null : settings.ratePerSecond;
      return 'idle';
    },
  });
  return { perSecond: () => perSecond, close: loop.close };
}
