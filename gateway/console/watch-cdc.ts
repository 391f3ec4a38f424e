import { type CdcReport, cdcReportSchema } from '#contract/cdc.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import type { Logger } from '#runtime/logger.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import { watchNodes } from './watch-nodes.ts';

/** Every process that copies changes for the data team, as it tells of itself in ZooKeeper; null until they were read once. */
export const watchCdc = (deps: {
  zookeeper: ZooKeeper;
  logger: Logger;
}): { all: () => CdcReport[] | null; close: () => void } =>
  watchNodes({
    ...deps,
    parent: zookeeperPaths.cdcProcesses,
    read: (text) => cdcReportSchema.parse(JSON.parse(text)),
  });
