import { createThrottledWarn, type Logger } from '../logger.ts';
import { type Loop, startLoop } from '../loop.ts';
import type { ZooKeeper } from './client.ts';
import type { Leadership } from './leader.ts';

/** Gives the node and everything below it to our password, and says how many nodes did not belong to it. */
export async function protectTree(zookeeper: ZooKeeper, path: string): Promise<number> {
  const own = (await zookeeper.protect(path)) ? 1 : 0;
  const names = await zookeeper.children(path);
  const below = await Promise.all(names.map((name) => protectTree(zookeeper, `${path}/${name}`)));
  return below.reduce((sum, each) => sum + each, own);
}

/**
 * The leader gives all that lies below `root` to our password, at its start and every minute: what there was before the
 * password was set, and what a process with an older one creates.
 */
export function keepProtected(options: {
  zookeeper: ZooKeeper;
  root: string;
  leadership: Leadership;
  logger: Logger;
  everyMs?: number;
}): Pick<Loop, 'close'> {
  const { zookeeper, root, leadership, logger, everyMs = 60_000 } = options;
  const warn = createThrottledWarn(logger);
  let doneAt = Number.NEGATIVE_INFINITY;
  return startLoop({
    name: 'zookeeper protection',
    everyMs: Math.min(everyMs, 1000),
    logger,
    pass: async () => {
      if (!leadership.isLeader() || performance.now() - doneAt < everyMs) return 'idle';
      doneAt = performance.now();
      await protectTree(zookeeper, root).then(
        (count) =>
          count > 0 &&
          logger.info({ root, count }, 'nodes in zookeeper that any client could change belong to our password now'),
        (error: unknown) => warn(error, `protecting ${root}`),
      );
      return 'idle';
    },
  });
}
