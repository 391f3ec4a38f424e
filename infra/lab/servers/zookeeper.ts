import { inject } from 'vitest';
import { createLogger } from '#runtime/logger.ts';
import { connectZooKeeper } from '#runtime/zookeeper/client.ts';
import { poll } from '../poll.ts';

/** How to reach the ZooKeeper of an environment, and by what password. */
export const zookeeperOf = ({ SECKILL_ZOOKEEPER, SECKILL_ZOOKEEPER_AUTH }: Readonly<Record<string, string>>) => ({
  connection: SECKILL_ZOOKEEPER ?? '',
  auth: SECKILL_ZOOKEEPER_AUTH?.split(','),
});

/** An empty tree of a file's own in the ZooKeeper that the lane shares, as a connection: `host:port/<name>`. */
export async function ownZooKeeperTree(): Promise<string> {
  const { zookeeper: address } = inject('servers');
  const root = `/t-${crypto.randomUUID()}`;
  const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
  const zookeeper = connectZooKeeper({ connection: address, logger, sessionTimeoutMs: 10_000, callTimeoutMs: 20_000 });
  try {
    await poll('the root of an own tree', () => zookeeper.create(root, Buffer.alloc(0)));
  } finally {
    zookeeper.close();
  }
  return `${address}${root}`;
}
