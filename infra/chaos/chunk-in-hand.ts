import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { parseChunkId } from '#contract/order-chunk.ts';
import { queueNames, queuePrefix } from '#contract/queues.ts';

const key = (queue: string, part: string) => `${queuePrefix}:${queue}:${part}`;
/** A round whose crowd bought nothing before the fault has none to wait for. */
const patienceMs = 2000;
const lookEveryMs = 10;

/** Waits until a worker is in the middle of a chunk of several orders; says how many orders of how many chunks, or null. */
export async function chunkInHand(redis: Redis): Promise<{ chunks: number; orders: number } | null> {
  return soon(async () => {
    const ids = await redis.lrange(key(queueNames.orders, 'active'), 0, -1);
    const counts = ids.map((id) => parseChunkId(id)?.count ?? 0).filter((count) => count > 1);
    return counts.length === 0
      ? null
      : { chunks: counts.length, orders: counts.reduce((sum, count) => sum + count, 0) };
  });
}

/** Waits until orders have timers, and takes them all out, as if their second had never been asked for; says how many. */
export async function loseTimers(redis: Redis): Promise<number | null> {
  const delayed = key(queueNames.expiry, 'delayed');
  return soon(async () => {
    const ids = await redis.zrange(delayed, '0', '-1');
    if (ids.length === 0) return null;
    await redis.del(delayed, ...ids.map((id) => key(queueNames.expiry, id)));
    return ids.length;
  });
}

async function soon<T>(look: () => Promise<T | null>): Promise<T | null> {
  const giveUpAt = performance.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found !== null || performance.now() > giveUpAt) return found;
    await wait(lookEveryMs);
  }
}
