import type { Logger } from '#runtime/logger.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import { watchChildren } from '#runtime/zookeeper/watch.ts';

/**
 * What the children of a node in ZooKeeper say, each as `read` has it out of its text. `all` is null until they were read once. A child that
 * `read` throws at was written by another version: what is known of it stays as it was.
 */
export function watchNodes<Told>(options: {
  zookeeper: ZooKeeper;
  logger: Logger;
  parent: string;
  read: (text: string) => Told;
}): { all: () => Told[] | null; close: () => void } {
  const { read, ...deps } = options;
  const told = new Map<string, Told>();
  let isRead = false;
  const watch = watchChildren({
    ...deps,
    restMs: 250, // the console looks once a second
    onChange: (name, data) => {
      if (data === null) {
        told.delete(name);
        return;
      }
      try {
        told.set(name, read(data.toString()));
      } catch {
        // of another version
      }
    },
    onFull: () => {
      isRead = true;
    },
  });
  return { all: () => (isRead ? [...told.values()] : null), close: watch.close };
}
