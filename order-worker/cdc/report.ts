import {
  type CdcFilled,
  type CdcReport,
  type CdcRequest,
  cdcFilledSchema,
  cdcReportSchema,
  cdcRequestSchema,
} from '#contract/cdc.ts';
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
  await put(zookeeper, zookeeperPaths.cdcRequest, request);
}

/** Which sink was filled last; null where none was, or ZooKeeper was set up anew. */
export async function readCdcFilled(zookeeper: Pick<ZooKeeper, 'read'>): Promise<CdcFilled | null> {
  const node = await zookeeper.read(zookeeperPaths.cdcFilled);
  const filled = cdcFilledSchema.safeParse(node === null ? null : jsonOf(node.data));
  return filled.success ? filled.data : null;
}

export async function noteCdcFilled(zookeeper: Pick<ZooKeeper, 'create' | 'write'>, filled: CdcFilled): Promise<void> {
  await put(zookeeper, zookeeperPaths.cdcFilled, filled);
}

async function put(zookeeper: Pick<ZooKeeper, 'create' | 'write'>, path: string, value: object): Promise<void> {
  const data = Buffer.from(JSON.stringify(value));
  if (await zookeeper.create(path, data)) return;
  if (await zookeeper.write(path, data, anyVersion)) return;
  throw new Error(`${path} was removed while it was written: try again`);
}

function jsonOf(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString());
  } catch {
    return null;
  }
}
