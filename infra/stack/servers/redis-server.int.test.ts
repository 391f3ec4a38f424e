import { appendFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { startStack } from '../stack.ts';

test('half a transaction that a death in mid-write left in the append-only file is never applied, at no later start', async () => {
  const dir = temporaryDirectory('torn');
  const during = async (work: (redis: Redis) => Promise<unknown>) => {
    const stack = await startStack({ dir, only: ['stock-redis'], port: 'any', environment: process.env });
    const redis = new Redis(stack.environment.SECKILL_STOCK_REDIS_URL ?? '');
    try {
      return await work(redis);
    } finally {
      redis.disconnect();
      await stack.stop();
    }
  };
  await during((redis) => redis.set('free', 1));
  const folder = join(dir, 'data/stock-redis/appendonlydir');
  const incremental = (await readdir(folder)).filter((name) => name.endsWith('.incr.aof')).at(-1) ?? '';
  // A whole command inside the transaction, then one that is cut in its middle.
  const torn = '*1\r\n$5\r\nMULTI\r\n*3\r\n$6\r\nINCRBY\r\n$4\r\nfree\r\n$1\r\n5\r\n*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$1';
  await appendFile(join(folder, incremental), torn);

  expect(await during((redis) => redis.get('free'))).toBe('1');
  await during((redis) => redis.eval("redis.call('SET', 'a', 1) redis.call('SET', 'b', 2)", 0));
  expect(await during((redis) => redis.mget('free', 'a', 'b'))).toEqual(['1', '1', '2']);
});
