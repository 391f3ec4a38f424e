import type { Redis } from 'ioredis';
import { saleKeys } from '#contract/redis-keys.ts';
import { fail, StockFault } from './fault.ts';

/** So long stock Redis waits for its replicas: below every deadline of ours, and far above one round trip and its fsync. */
export const replicationDeadlineMs = 300;

export type Barrier = <T>(saleId: string, write: () => Promise<T>) => Promise<T>;

/**
 * The barrier of one connection, see {@link StockDecisions.barrier}. It writes a fence key of the sale before it waits: WAIT
 * answers for what its own connection has written, and on Redis 7.2, Valkey 8 and later a connection that has only read is told
 * at once that all replicas have it. A connection that was lost in between may lead to another server now, which never had
 * what the one before was given: that is too few, too.
 */
export function createBarrier(redis: Redis, replicas: number): Barrier {
  if (replicas === 0) return (_saleId, write) => write();
  let link = 0;
  redis.on('close', () => {
    link += 1;
  });
  return async (saleId, write) => {
    const mine = link;
    const written = await write();
    const replies = await redis
      .pipeline()
      .set(saleKeys(saleId).fence, 1)
      .wait(replicas, replicationDeadlineMs)
      .exec()
      .catch(fail);
    const [fenceError] = replies?.[0] ?? [];
    const [error, acknowledged] = replies?.[1] ?? [];
    if (fenceError ?? error) throw new StockFault('unknown', fenceError ?? error);
    if (mine !== link) throw new StockFault('unknown', 'the connection was lost before the replicas had answered');
    if (Number(acknowledged) < replicas)
      throw new StockFault('unknown', `${acknowledged ?? 0} of ${replicas} replicas have it`);
    return written;
  };
}
