import { type CdcReport, cdcReportSchema } from '#contract/cdc.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import type { Logger } from '#runtime/logger.ts';
import type { ZooKeeper } from '#runtime/zookeeper/client.ts';
import { watchChildren } from '#runtime/zookeeper/watch.ts';

/** Every process that copies changes for the data team, as it tells of itself in ZooKeeper; null until they were read once. */
export function watchCdc(options: { zookeeper: ZooKeeper; logger: Logger }): {
  all: () => CdcReport[] | null;
  close: () => void;
} {
  const reports = new Map<string, CdcReport>();
  let isRead = false;
  const watch = watchChildren({
    ...options,
    parent: zookeeperPaths.cdcProcesses,
    restMs: 250, // the console looks once a second
    onChange: (instance, data) => {
      const report = data === null ? null : reportOf(data.toString());
      if (data === null) reports.delete(instance);
      else if (report !== null) reports.set(instance, report);
    },
    onFull: () => {
      isRead = true;
    },
  });
  return { all: () => (isRead ? [...reports.values()] : null), close: watch.close };
}

/** Null for one that another version wrote. */
function reportOf(text: string): CdcReport | null {
  try {
    return cdcReportSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
