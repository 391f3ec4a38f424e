import type { Redis } from 'ioredis';

/** All that a Redis holds, keys and values, as one text: for tests of what must not be in it. */
export async function redisText(redis: Redis): Promise<string> {
  const read: Record<string, (key: string) => Promise<unknown>> = {
    string: (key) => redis.get(key),
    hash: (key) => redis.hgetall(key),
    list: (key) => redis.lrange(key, 0, -1),
    set: (key) => redis.smembers(key),
    zset: (key) => redis.zrange(key, 0, '-1'),
    stream: (key) => redis.xrange(key, '-', '+'),
  };
  const parts: string[] = [];
  for (let cursor = '0'; ; ) {
    const [next, keys] = await redis.scan(cursor, 'COUNT', 500);
    const values = await Promise.all(keys.map(async (key) => [key, await read[await redis.type(key)]?.(key)]));
    parts.push(JSON.stringify(values));
    if (next === '0') return parts.join('\n');
    cursor = next;
  }
}
