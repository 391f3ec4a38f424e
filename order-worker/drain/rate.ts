import type { Queue } from 'bullmq';
import { type DrainSettings, defaultDrainSettings, drainSettingsSchema } from '#contract/queues.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import type { Logger } from '#runtime/logger.ts';
import { type Loop, startLoop } from '#runtime/loop.ts';
import type { ZooKeeper } from '#runtime/zookeeper.ts';

/** A rate as BullMQ's limiter takes it: `max` jobs per `duration` ms, in slices of about a tenth of a second. */
export function toLimiter(ratePerSecond: number): { max: number; duration: number } {
  const max = Math.max(1, Math.round(ratePerSecond / 10));
  return { max, duration: Math.max(1, Math.round((max * 1000) / ratePerSecond)) };
}

export async function readDrainSettings(zookeeper: ZooKeeper): Promise<DrainSettings> {
  const node = await zookeeper.read(zookeeperPaths.drain);
  return node === null ? defaultDrainSettings : drainSettingsSchema.parse(JSON.parse(node.data.toString()));
}

export async function writeDrainSettings(zookeeper: ZooKeeper, settings: DrainSettings): Promise<void> {
  const data = Buffer.from(JSON.stringify(drainSettingsSchema.parse(settings)));
  for (;;) {
    const node = await zookeeper.read(zookeeperPaths.drain);
    const written =
      node === null
        ? await zookeeper.create(zookeeperPaths.drain, data)
        : await zookeeper.write(zookeeperPaths.drain, data, node.version);
    if (written) return;
  }
}

/**
 * Keeps the queue's global limit at what ops set in ZooKeeper. The limit itself lives in queue Redis, which may be
 * wiped, so it is looked at every second and put back.
 */
export function keepDrainRate(deps: {
  queue: Queue;
  zookeeper: ZooKeeper;
  logger: Logger;
  onRate: (ratePerSecond: number | null) => void;
}): Loop {
  const { queue, zookeeper, logger, onRate } = deps;
  let settings: DrainSettings = defaultDrainSettings;

  async function apply(): Promise<void> {
    const current = await queue.getGlobalRateLimit();
    onRate(settings.ratePerSecond);
    if (settings.ratePerSecond === null) {
      if (current !== null) await queue.removeGlobalRateLimit();
      return;
    }
    const wanted = toLimiter(settings.ratePerSecond);
    if (current?.max === wanted.max && current.duration === wanted.duration) return;
    await queue.setGlobalRateLimit(wanted.max, wanted.duration);
    logger.info({ ratePerSecond: settings.ratePerSecond }, 'drain rate');
  }

  const loop = startLoop({
    name: 'drain rate',
    everyMs: 1000,
    logger,
    pass: async () => {
      try {
        settings = await readDrainSettings(zookeeper);
      } catch (error) {
        logger.debug({ err: error }, 'zookeeper is away: keeping the drain rate'); // the last one stays in force
      }
      await apply();
      return 'idle';
    },
  });
  return loop;
}
