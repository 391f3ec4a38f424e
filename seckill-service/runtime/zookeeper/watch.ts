import { createThrottledWarn, type Logger } from '../logger.ts';
import type { ZooKeeper } from './client.ts';

export type ChildrenWatch = { close: () => void };

/** The version of a node, and the session of ours that saw it: after that session nobody knows what became of the node. */
export type SeenVersion = { version: number; session: number };

/** Of a full read, at once: a change that comes meanwhile is read behind so many, not behind a thousand. */
const fullReadWidth = 16;

/**
 * Keeps a picture of a node's children and their data. Level-triggered: each event means "read again, with a new
 * watch", the list and what is new in it, or one child; what was read is told to `onChange`, and a full read every
 * `fullReadMs` and on each (re)connection repairs whatever an event missed. `onChange(name, null)` says that a child is
 * gone. `onFull` follows each full read.
 */
export function watchChildren(options: {
  zookeeper: ZooKeeper;
  parent: string;
  logger: Logger;
  onChange: (name: string, data: Buffer | null, version: SeenVersion | null) => void;
  onFull?: () => void;
  fullReadMs?: number;
  /** A child is read this long after it has changed: for a reader who is in no hurry. */
  restMs?: number;
}): ChildrenWatch {
  const { zookeeper, parent, logger, onChange, onFull, fullReadMs = 5000, restMs = 0 } = options;
  const warn = createThrottledWarn(logger);
  const known = new Set<string>();
  // One function object per node: the client drops a second registration of the same one.
  const watchers = new Map<string, () => void>();
  let closed = false;
  let isReading = false;
  let next: 'new' | 'full' | null = null;

  function read(what: 'new' | 'full'): void {
    if (closed) return;
    if (next !== 'full') next = what;
    if (!isReading) void readOn();
  }
  const readNew = () => read('new');
  const readFull = () => read('full');

  async function readOn(): Promise<void> {
    isReading = true;
    while (next !== null && !closed) {
      const what = next;
      next = null;
      await readList(what).catch((error: unknown) => warn(error, `reading ${parent}`));
    }
    isReading = false;
  }

  async function readList(what: 'new' | 'full'): Promise<void> {
    // A node that is not there cannot be watched for children.
    await zookeeper.ensure(parent);
    const names = await zookeeper.children(parent, readNew);
    // One more among a thousand is one more to read: a child that is known has a watch of its own.
    await readChildren(names.filter((name) => what === 'full' || !known.has(name)));
    const present = new Set(names);
    for (const name of known) if (!present.has(name)) gone(name);
    if (what === 'full') onFull?.();
  }

  async function readChildren(names: readonly string[]): Promise<void> {
    for (let from = 0; from < names.length; from += fullReadWidth) {
      try {
        await Promise.all(names.slice(from, from + fullReadWidth).map(readChild));
      } catch (error) {
        // Neither one that cannot be read nor a server that is away keeps the others waiting.
        await Promise.allSettled(names.slice(from + fullReadWidth).map(readChild));
        throw error;
      }
    }
  }

  async function readChild(name: string): Promise<void> {
    const session = zookeeper.sessionNumber();
    const node = await zookeeper.read(`${parent}/${name}`, watcherOf(name));
    if (closed) return;
    if (node === null) {
      gone(name);
      return;
    }
    known.add(name);
    onChange(name, node.data, { version: node.version, session });
  }

  function gone(name: string): void {
    watchers.delete(name);
    if (known.delete(name)) onChange(name, null, null);
  }

  function watcherOf(name: string): () => void {
    const existing = watchers.get(name);
    if (existing !== undefined) return existing;
    const readAgain = () => {
      if (!closed) readChild(name).catch((error: unknown) => warn(error, `reading ${parent}/${name}`));
    };
    const watcher = restMs === 0 ? readAgain : () => void setTimeout(readAgain, restMs).unref();
    watchers.set(name, watcher);
    return watcher;
  }

  zookeeper.onSession(readFull);
  const timer = setInterval(readFull, fullReadMs);
  timer.unref();
  return {
    close: () => {
      closed = true;
      clearInterval(timer);
    },
  };
}
