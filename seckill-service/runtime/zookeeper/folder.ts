import type { Logger } from '../logger.ts';
import type { ZooKeeper, ZooKeeperNode } from './client.ts';
import { type SeenVersion, watchChildren } from './watch.ts';

/** A node as it was seen last, with the version by which ZooKeeper tells whether it still is so. */
export type SeenNode = Pick<ZooKeeperNode, 'data' | 'version'>;

/** The children of a node, each by its name, as ZooKeeper told them last: late by milliseconds, never ahead. */
export type Folder<T> = {
  /** Null: ZooKeeper has no such child, or none that is in force. */
  get: (name: string) => T | null;
  /** The node behind `get`, for a writer: null also when an older session saw it. */
  seen: (name: string) => SeenNode | null;
  all: () => T[];
  /** False until every child was read once: before that a child that is not here may well be there. */
  isComplete: () => boolean;
  /** Hears each change of what `get` says; null for one that is gone. */
  onChange: (listener: (name: string, value: T | null) => void) => void;
  /** Called once, when the first full read is done (at once if it is). */
  onComplete: (listener: () => void) => void;
  close: () => void;
};

/**
 * Keeps a folder of ZooKeeper in memory, by watches: to look at a thousand children asks ZooKeeper nothing.
 * `isInForce` says whether what was read now takes the place of `known`; left out: it always does.
 */
export function followFolder<T>(options: {
  zookeeper: ZooKeeper;
  parent: string;
  logger: Logger;
  /** Throws for data that makes no sense under that name. */
  parse: (data: Buffer, name: string) => T;
  isInForce?: (read: T, known: T) => boolean;
  /** What a child that cannot be read leaves in force: the last good one, or none. */
  unreadable: 'keep' | 'drop';
  /** Called once for each data that cannot be read. */
  onUnreadable?: () => void;
}): Folder<T> {
  const { zookeeper, parent, logger, parse, isInForce = () => true, unreadable, onUnreadable } = options;
  const children = new Map<string, { data: Buffer; value: T; version: SeenVersion | null }>();
  /** What could not be read, so that it is told once and not at every look. */
  const unread = new Map<string, Buffer>();
  const listeners: ((name: string, value: T | null) => void)[] = [];
  let waiting: (() => void)[] = [];
  let complete = false;

  function drop(name: string): void {
    if (children.delete(name)) for (const listener of listeners) listener(name, null);
  }

  function take(name: string, data: Buffer, version: SeenVersion | null): void {
    const known = children.get(name);
    if (known?.data.equals(data)) {
      known.version = version;
      return;
    }
    if (unread.get(name)?.equals(data)) return;
    let value: T;
    try {
      value = parse(data, name);
    } catch (error) {
      const then = unreadable === 'keep' ? 'the last good one stays in force' : 'it counts as none';
      logger.error({ err: error, path: `${parent}/${name}` }, `a node in zookeeper cannot be read; ${then}`);
      if (unreadable === 'drop') drop(name);
      unread.set(name, data);
      onUnreadable?.();
      return;
    }
    unread.delete(name);
    if (known !== undefined && !isInForce(value, known.value)) return;
    children.set(name, { data, value, version });
    for (const listener of listeners) listener(name, value);
  }

  const watch = watchChildren({
    zookeeper,
    parent,
    logger,
    onChange: (name, data, version) => {
      if (data !== null) return take(name, data, version);
      unread.delete(name);
      drop(name);
    },
    onFull: () => {
      complete = true;
      for (const listener of waiting) listener();
      waiting = [];
    },
  });

  return {
    get: (name) => children.get(name)?.value ?? null,
    seen: (name) => {
      const { data, version = null } = children.get(name) ?? {};
      const isOfNow = version !== null && version.session === zookeeper.sessionNumber();
      return data !== undefined && isOfNow ? { data, version: version.version } : null;
    },
    all: () => [...children.values()].map(({ value }) => value),
    isComplete: () => complete,
    onChange: (listener) => listeners.push(listener),
    onComplete: (listener) => (complete ? listener() : waiting.push(listener)),
    close: watch.close,
  };
}
