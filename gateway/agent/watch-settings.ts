import { type EdgeSettings, foundEdgeSettingsSchema } from '#contract/edge-settings.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import type { Logger } from '#runtime/logger.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import { watchChildren } from '#runtime/zookeeper/watch.ts';

export type SettingsWatch = {
  /** The settings as last read, undefined while there are none. */
  get: () => EdgeSettings | undefined;
  onChange: (listener: (settings: EdgeSettings) => void) => void;
  /** Called once, when it is known whether there are settings (at once if it is). */
  onComplete: (listener: () => void) => void;
  close: () => void;
};

/**
 * Keeps what ops have set for the edges. A lower version never overwrites a higher one, and a node that is gone changes
 * nothing: a ZooKeeper that has lost its data must not lift a limit.
 */
export function watchSettings(options: { zookeeper: ZooKeeper; logger: Logger }): SettingsWatch {
  const { zookeeper, logger } = options;
  const listeners: ((settings: EdgeSettings) => void)[] = [];
  let waiting: (() => void)[] = [];
  let current: EdgeSettings | undefined;
  let last: Buffer | undefined;
  let complete = false;

  const watch = watchChildren({
    zookeeper,
    parent: zookeeperPaths.settings,
    logger,
    onChange: (name, data) => {
      if (data === null || `${zookeeperPaths.settings}/${name}` !== zookeeperPaths.edgeSettings) return;
      if (last?.equals(data)) return;
      last = data;
      const settings = parse(data.toString(), logger);
      if (settings === null || (current !== undefined && current.version > settings.version)) return;
      current = settings;
      for (const listener of listeners) listener(settings);
    },
    onFull: () => {
      complete = true;
      for (const listener of waiting) listener();
      waiting = [];
    },
  });

  return {
    get: () => current,
    onChange: (listener) => listeners.push(listener),
    onComplete: (listener) => (complete ? listener() : waiting.push(listener)),
    close: watch.close,
  };
}

function parse(text: string, logger: Logger): EdgeSettings | null {
  try {
    return foundEdgeSettingsSchema.parse(JSON.parse(text));
  } catch (error) {
    logger.error(
      { err: error },
      'the edge settings in zookeeper cannot be read; the last good ones stay in force; mend: seckill edge maintenance off',
    );
    return null;
  }
}
