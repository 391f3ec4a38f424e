import type { Redis } from 'ioredis';

/** Processor seconds that a Redis has used so far. */
export async function redisSeconds(redis: Redis): Promise<number> {
  const info = await redis.info('cpu');
  const part = (name: string) => Number(new RegExp(`^used_cpu_${name}:([\\d.]+)`, 'm').exec(info)?.[1] ?? Number.NaN);
  return part('sys') + part('user');
}
