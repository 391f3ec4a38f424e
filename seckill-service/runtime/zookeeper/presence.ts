import type { Logger } from '../logger.ts';
import { type Loop, startLoop } from '../loop.ts';
import type { ZooKeeper } from './client.ts';

export type Presence = Pick<Loop, 'nudge' | 'close'>;

/**
 * Keeps an ephemeral node of our own with the newest data: made anew in each session (the older session's node would
 * vanish with it), written after each `nudge`, at most every `everyMs`.
 */
export function keepPresence(options: {
  zookeeper: ZooKeeper;
  path: string;
  data: () => Buffer;
  logger: Logger;
  everyMs?: number;
}): Presence {
  const { zookeeper, path, data, logger, everyMs = 1000 } = options;
  let madeInSession = 0;
  let written: Buffer | null = null;

  const loop = startLoop({
    name: `presence ${path}`,
    everyMs,
    logger,
    pass: async () => {
      const wanted = data();
      const session = zookeeper.sessionNumber();
      const node = await zookeeper.read(path);
      if (node !== null && madeInSession === session) {
        if (written?.equals(wanted)) return 'idle';
        await zookeeper.write(path, wanted, node.version);
      } else {
        if (node !== null) await zookeeper.remove(path);
        await zookeeper.create(path, wanted, 'ephemeral');
        madeInSession = session;
      }
      written = wanted;
      return 'idle';
    },
  });
  zookeeper.onSession(loop.nudge);
  return loop;
}
