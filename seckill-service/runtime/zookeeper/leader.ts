import { createThrottledWarn, type Logger } from '../logger.ts';
import type { ZooKeeper } from './client.ts';

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
    // ZooKeeper says whose the node is: a create whose answer was lost is found again, and one that waited for a
    // connection may have been made in a later session than it was asked for in.
    const owner = async () => (await zookeeper.read(path))?.session ?? 0;
    let session = await owner();
    if (session === 0) {
      await zookeeper.create(path, Buffer.from(instance), 'ephemeral');
      session = await owner();
    }
    if (session !== 0 && heldInSession !== session) logger.info({ path }, 'leader');
    heldInSession = session;
  }
  const timer = setInterval(() => stand().catch((error: unknown) => warn(error, `standing for ${path}`)), 1000);
  timer.unref();
  zookeeper.onSession(() => void stand().catch((error: unknown) => warn(error, `standing for ${path}`)));

  return {
    isLeader: () => heldInSession === zookeeper.sessionNumber() && zookeeper.silentForMs() < leaseMs,
    close: () => clearInterval(timer),
  };
}
