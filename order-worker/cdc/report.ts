import { type CdcReport, type CdcRequest, cdcReportSchema, cdcRequestSchema } from '#contract/cdc.ts';
import { zookeeperPaths } from '#contract/zookeeper-paths.ts';
import { anyVersion, type ZooKeeper } from '#runtime/zookeeper/client.ts';

type Reads = Pick<ZooKeeper, 'read' | 'children'>;

/** What every process says of itself; one that cannot be read is left out. */
export async function readCdcReports(zookeeper: Reads): Promise<CdcReport[]> {
  const names = await zookeeper.children(zookeeperPaths.cdcProcesses);
  const nodes = await Promise.all(names.sort().map((name) => zookeeper.read(zookeeperPaths.cdcProcess(name))));
  return nodes.flatMap((node) => {
    const report = cdcReportSchema.safeParse(node === null ? null : jsonOf(node.data));
    return report.success ? [report.data] : [];
  });
}

/** The last snapshot that was asked for; null where none ever was. */
export async function readCdcRequest(zookeeper: Pick<ZooKeeper, 'read'>): Promise<CdcRequest | null> {
  const node = await zookeeper.read(zookeeperPaths.cdcRequest);
  const request = cdcRequestSchema.safeParse(node === null ? null : jsonOf(node.data));
  return request.success ? request.data : null;
}

/** Asks for a snapshot: the process that leads takes it, now or when there is one. */
export async function requestCdcSnapshot(
  zookeeper: Pick<ZooKeeper, 'create' | 'write'>,
  request: CdcRequest,
): Promise<void> {
  const data = Buffer.from(JSON.stringify(request));
  if (await zookeeper.create(zookeeperPaths.cdcRequest, data)) return;
  if (await zookeeper.write(zookeeperPaths.cdcRequest, data, anyVersion)) return;
  throw new Error('the request was removed while it was written: ask again');
}

function jsonOf(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString());
  } catch {
    return null;
  }
}
