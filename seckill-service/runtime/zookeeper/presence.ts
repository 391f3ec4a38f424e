import type { Logger } from '../logger.ts';
import { type Loop, startLoop } from '../loop.ts';
import { anyVersion, type ZooKeeper } from './client.ts';

export type Presence = Pick<Loop, 'nudge' | 'close'>;

/** After a write; what comes in between is written together. The first after a quiet while is written at once. */
const restMs = 50;

/**
 * Keeps an ephemeral node of our own with the newest data: made anew in each session (the older session's node would
 * vanish with it), written after each `nudge`, and looked at every `everyMs`. Nobody else writes it, so that between two
 * looks it is written without being read.
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
  let lookedAt = Number.NEGATIVE_INFINITY;

  const loop = startLoop({
    name: `presence ${path}`,
    everyMs,
    restMs,
    logger,
    pass: async () => {
      const wanted = data();
      const session = zookeeper.sessionNumber();
      if (madeInSession === session && performance.now() - lookedAt < everyMs - restMs) {
        if (written?.equals(wanted)) return 'idle';
        if (await zookeeper.write(path, wanted, anyVersion)) {
          written = wanted;
          return 'idle';
        }
      }
      lookedAt = performance.now();
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
