import { createLogger } from '#runtime/logger.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { poll } from '../poll.ts';
import { startRedis, type TestRedis } from './redis.ts';

/** A primary and servers that follow it, without a sentinel: for what waits for replicas. */
export type ReplicatedRedis = {
  primary: TestRedis;
  replicas: readonly TestRedis[];
  /** Nothing that is written reaches a replica from here on. */
  pauseReplicas(): void;
  resumeReplicas(): void;
  /** A connection of that kind to the primary, which ends with the servers. */
  connect(kind: Parameters<typeof connectRedis>[0]): ReturnType<typeof connectRedis>;
  stop(): Promise<void>;
};

export async function startReplicatedRedis(count = 1): Promise<ReplicatedRedis> {
  const primary = await startRedis();
  const replicas = await Promise.all(Array.from({ length: count }, () => startRedis({ replicaOf: primary })));
  // Listed as online it may still wait for its first second to be over before it takes what is written.
  await poll('the replicas to follow', async () => {
    await primary.client.set('followed', 1);
    return (await primary.client.wait(count, 1000)) === count;
  });
  await primary.client.del('followed');
  const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
  const connections: ReturnType<typeof connectRedis>[] = [];
  const each = (work: (replica: TestRedis) => void) => {
    for (const replica of replicas) work(replica);
  };
  return {
    primary,
    replicas,
    pauseReplicas: () => each((replica) => replica.pause()),
    resumeReplicas: () => each((replica) => replica.resume()),
    connect(kind) {
      const redis = connectRedis(kind, primary.url, logger);
      connections.push(redis);
      return redis;
    },
    async stop() {
      disconnectRedis(...connections);
      await Promise.all([primary, ...replicas].map((server) => server.stop()));
    },
  };
}
