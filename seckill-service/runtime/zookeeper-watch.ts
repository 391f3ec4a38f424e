import { createThrottledWarn, type Logger } from './logger.ts';
import type { ZooKeeper } from './zookeeper.ts';

export type ChildrenWatch = { close: () => void };

/**
 * Keeps a picture of a node's children and their data. Level-triggered: each event means "read again, with a new
 * watch"; what was read is told to `onChange`, and a full read every `fullReadMs` and on each (re)connection repairs
 * whatever an event missed. `onChange(name, null)` says that a child is gone. `onFull` follows each complete read.
 */
export function watchChildren(options: {
  zookeeper: ZooKeeper;
  parent: string;
  logger: Logger;
  onChange: (name: string, data: Buffer | null) => void;
  onFull?: () => void;
  fullReadMs?: number;
}): ChildrenWatch {
  const { zookeeper, parent, logger, onChange, onFull, fullReadMs = 5000 } = options;
  const warn = createThrottledWarn(logger);
  const known = new Set<string>();
  // One function object per node: the client drops a second registration of the same one.
  const watchers = new Map<string, () => void>();
  let closed = false;
  let reading: Promise<void> | null = null;
  let again = false;

  const readList = () => {
    if (closed) return;
    if (reading !== null) {
      again = true;
      return;
    }
    reading = readAll()
      .catch((error: unknown) => warn(error, `reading ${parent}`))
      .finally(() => {
        reading = null;
        if (again) {
          again = false;
          readList();
        }
      });
  };

  async function readAll(): Promise<void> {
    // A node that is not there cannot be watched for children.
    await zookeeper.ensure(parent);
    const names = await zookeeper.children(parent, readList);
    await Promise.all(names.map((name) => readChild(name)));
    const present = new Set(names);
    for (const name of known) if (!present.has(name)) gone(name);
    onFull?.();
  }

  async function readChild(name: string): Promise<void> {
    const node = await zookeeper.read(`${parent}/${name}`, watcherOf(name));
    if (closed) return;
    if (node === null) {
      gone(name);
      return;
    }
    known.add(name);
    onChange(name, node.data);
  }

  function gone(name: string): void {
    watchers.delete(name);
    if (known.delete(name)) onChange(name, null);
  }

  function watcherOf(name: string): () => void {
    const existing = watchers.get(name);
    if (existing !== undefined) return existing;
    const watcher = () => {
      if (!closed) readChild(name).catch((error: unknown) => warn(error, `reading ${parent}/${name}`));
    };
    watchers.set(name, watcher);
    return watcher;
  }

  zookeeper.onSession(readList);
  const timer = setInterval(readList, fullReadMs);
  timer.unref();
  return {
    close: () => {
      closed = true;
      clearInterval(timer);
    },
  };
}
