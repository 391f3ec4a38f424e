import { createThrottledWarn, type Logger } from './logger.ts';
import type { ZooKeeper } from './zookeeper.ts';

export type Leadership = { isLeader: () => boolean; close: () => void };

/**
 * Stands for an office: whoever creates the ephemeral node holds it. The lease is shorter than the session and runs on
 * the local clock, so that a leader that ZooKeeper no longer hears steps down before another can step up. What a leader
 * writes must be fenced all the same (epochs), because a paused process may wake up in mid-write.
 */
export function standForLeader(options: {
  zookeeper: ZooKeeper;
  path: string;
  instance: string;
  logger: Logger;
  leaseMs?: number;
}): Leadership {
  const { zookeeper, path, instance, logger, leaseMs = 2500 } = options;
  const warn = createThrottledWarn(logger);
  let heldInSession = 0;

  async function stand(): Promise<void> {
    const session = zookeeper.sessionNumber();
    if (heldInSession === session) {
      const node = await zookeeper.read(path);
      if (node?.data.toString() === instance) return;
      heldInSession = 0;
    }
    if (await zookeeper.create(path, Buffer.from(instance), 'ephemeral')) {
      heldInSession = session;
      logger.info({ path }, 'leader');
    }
  }
  const timer = setInterval(() => stand().catch((error: unknown) => warn(error, `standing for ${path}`)), 1000);
  timer.unref();
  zookeeper.onSession(() => void stand().catch((error: unknown) => warn(error, `standing for ${path}`)));

  return {
    isLeader: () => heldInSession === zookeeper.sessionNumber() && zookeeper.silentForMs() < leaseMs,
    close: () => clearInterval(timer),
  };
}
