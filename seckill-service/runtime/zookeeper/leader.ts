import { randomUUID } from 'node:crypto';
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
  // Tells our node of this very session from anybody's: a create whose answer was lost is found again by it.
  const boot = randomUUID();

  async function stand(): Promise<void> {
    const session = zookeeper.sessionNumber();
    const me = `${instance} ${boot} ${session}`;
    const isOurs = async () => (await zookeeper.read(path))?.data.toString() === me;
    const held = (await isOurs()) || (await zookeeper.create(path, Buffer.from(me), 'ephemeral')) || (await isOurs());
    if (held && heldInSession !== session) logger.info({ path }, 'leader');
    heldInSession = held ? session : 0;
  }
  const timer = setInterval(() => stand().catch((error: unknown) => warn(error, `standing for ${path}`)), 1000);
  timer.unref();
  zookeeper.onSession(() => void stand().catch((error: unknown) => warn(error, `standing for ${path}`)));

  return {
    isLeader: () => heldInSession === zookeeper.sessionNumber() && zookeeper.silentForMs() < leaseMs,
    close: () => clearInterval(timer),
  };
}
