import { type ConsoleSessions, consoleSessionsSchema, maxEndedSessions } from '#contract/ops.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { startLoop } from '#runtime/loop.ts';
import { changeNode } from '#runtime/zookeeper/change.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';

/** A session of the console: its id, and when it ends by itself, Unix seconds. */
export type Session = { id: string; until: number };

export type EndedSessions = {
  /** True once it was signed out of, at this console or another one. */
  has: (session: Session) => boolean;
  /** False before it was read for the first time which sessions were ended while this process was not there. */
  isKnown: () => boolean;
  /** Ends a session here at once, and everywhere as soon as ZooKeeper has it; it is told again until then. */
  end: (session: Session) => void;
  close: () => Promise<void>;
};

/** Keeps in memory which sessions were ended before their time, a list that all consoles share in ZooKeeper. */
export function startEndedSessions(deps: {
  zookeeper: ZooKeeper;
  logger: Logger;
  now: () => number;
  everyMs?: number;
}): EndedSessions {
  const { zookeeper, logger, now, everyMs = 2000 } = deps;
  const warn = createThrottledWarn(logger, 60_000);
  let known: ReadonlyMap<string, number> | null = null;
  /** Ended here, and not written yet. */
  const untold = new Map<string, number>();

  async function read(watch: () => void): Promise<void> {
    const node = await zookeeper.read(zookeeperPaths.console, watch);
    known = new Map(Object.entries(parse(node?.data ?? null).ended));
  }

  async function tell(): Promise<void> {
    const telling = new Map(untold);
    await changeNode(zookeeper, zookeeperPaths.console, (before) => {
      const all = { ...parse(before).ended, ...Object.fromEntries(telling) };
      const kept = Object.entries(all)
        .filter(([, until]) => until * 1000 > now())
        .sort(([, a], [, b]) => b - a)
        .slice(0, maxEndedSessions);
      return { data: Buffer.from(JSON.stringify({ ended: Object.fromEntries(kept) })), result: null };
    });
    known = new Map([...(known ?? []), ...telling]);
    for (const id of telling.keys()) untold.delete(id);
  }

  const onNode = () => loop.nudge(); // one function for ever: the client drops a second watch with the same one
  const loop = startLoop({
    name: 'ended sessions',
    everyMs,
    logger,
    pass: async () => {
      try {
        if (untold.size > 0) await tell();
        await read(onNode);
      } catch (error) {
        warn(error, 'ZooKeeper does not say which sessions of the console were ended: the last known ones stay so');
      }
      return 'idle';
    },
  });

  return {
    has: ({ id }) => untold.has(id) || known?.has(id) === true,
    isKnown: () => known !== null,
    end: ({ id, until }) => {
      untold.set(id, until);
      loop.nudge();
    },
    close: loop.close,
  };
}

/** What cannot be read ends nothing, and is overwritten by the next one that signs out. */
function parse(data: Buffer | null): ConsoleSessions {
  try {
    return consoleSessionsSchema.parse(data === null ? {} : JSON.parse(data.toString()));
  } catch {
    return { ended: {} };
  }
}
