import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { queueNames, queuePrefix } from '#contract/queues.ts';

const key = (list: string) => `${queuePrefix}:${queueNames.orders}:${list}`;
const everyMs = 5;
const withinMs = 120_000;

async function lengths(redis: Redis): Promise<{ waiting: number; active: number }> {
  const [waiting, active] = await Promise.all([redis.llen(key('wait')), redis.llen(key('active'))]);
  return { waiting, active };
}

async function until(what: string, check: () => Promise<boolean>): Promise<number> {
  const deadline = performance.now() + withinMs;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await wait(everyMs);
  }
  return performance.now();
}

/** Seconds from the first of `jobs` waiting jobs being taken until none is left. */
export async function secondsToDrain(redis: Redis, jobs: number): Promise<number> {
  const from = await until('the first job to be taken', async () => (await lengths(redis)).waiting < jobs);
  const to = await until('an empty queue', async () => {
    const { waiting, active } = await lengths(redis);
    return waiting + active === 0;
  });
  return (to - from) / 1000;
}

/** Seconds from the first job in an empty queue until all are there, as `isFull` says of how many wait. */
export async function secondsToFill(
  redis: Redis,
  isFull: (jobs: number) => boolean | Promise<boolean>,
): Promise<number> {
  const from = await until('the first job', async () => (await lengths(redis)).waiting > 0);
  const to = await until('the last job', async () => isFull((await lengths(redis)).waiting));
  return (to - from) / 1000;
}
