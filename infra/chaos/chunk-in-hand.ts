import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { parseChunkId } from '#contract/order-chunk.ts';
import { queueNames, queuePrefix } from '#contract/queues.ts';

const key = (queue: string, part: string) => `${queuePrefix}:${queue}:${part}`;
/** A round whose crowd bought nothing before the fault has none to wait for. */
const patienceMs = 1500;
const lookEveryMs = 10;

/** A fault waits until this number of orders is met; it meets fewer when no more come. */
const wanted = 40;

/** Waits until workers are in the middle of chunks with many orders; says how many orders of how many chunks, or null. */
export async function chunkInHand(redis: Redis): Promise<{ chunks: number; orders: number } | null> {
  let found: { chunks: number; orders: number } | null = null;
  await soon(async () => {
    const ids = await redis.lrange(key(queueNames.orders, 'active'), 0, -1);
    const counts = ids.map((id) => parseChunkId(id)?.count ?? 0).filter((count) => count > 1);
    const orders = counts.reduce((sum, count) => sum + count, 0);
    found = orders === 0 ? null : { chunks: counts.length, orders };
    return orders < wanted ? null : true;
  });
  return found;
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
