import { afterAll, expect, inject, test } from 'vitest';
import { seckill } from '#lab/kits/command-line.ts';
import { startRedis } from '#lab/servers/redis.ts';
import { startStockTrio } from '#lab/servers/stock-trio.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';

const [trio, queue] = await Promise.all([startStockTrio(), startRedis()]);
afterAll(() => Promise.all([trio.stop(), queue.stop()]));
const nowhere = temporaryDirectory('no-stack');

/** The status of servers that are no stack of this machine, as an operator asks for it. */
async function statusOf(settings: Record<string, string>) {
  const { databaseUrl, zookeeper } = inject('servers');
  const others = {
    SECKILL_QUEUE_REDIS_URL: queue.url,
    SECKILL_ZOOKEEPER: zookeeper,
    SECKILL_DATABASE_URL: databaseUrl,
  };
  const { code, stdout, stderr } = await seckill({ ...others, ...settings }, 'status', '--dir', nowhere);
  return { code, said: `${stdout}${stderr}` };
}

test('the servers that the settings name are asked where no stack runs: all is well, and who is the primary', async () => {
  await trio.settled();
  await expect
    .poll(() => statusOf({ SECKILL_STOCK_REDIS_URL: trio.url }), { timeout: 20_000 })
    .toEqual({
      code: 0,
      said: expect.stringMatching(
        /^stock Redis +\S+ is the primary; 2 of 2 replicas in sync; 3 of 3 sentinels agree$/m,
      ),
    });
});

test.for([
  ['a name that no sentinel knows', { SECKILL_STOCK_REDIS_URL: trio.url.replace('/stock', '/shop') }, 1],
  ['one sentinel', { SECKILL_STOCK_REDIS_URL: trio.url.replace(/,[^/]+/, '') }, 78],
  ['replicas where there are none', { SECKILL_STOCK_REDIS_URL: queue.url, SECKILL_STOCK_REPLICAS: '1' }, 1],
] as const)('%s is a clear line, and no exit code 0', async ([what, settings, code]) => {
  const lines = {
    'a name that no sentinel knows': 'no sentinel names a primary called "shop": nothing is sold',
    'one sentinel': 'names one sentinel only',
    'replicas where there are none': 'SECKILL_STOCK_REPLICAS asks for 1 replica, and none is in sync: nothing is sold',
  };
  const answer = await statusOf(settings);
  expect(answer).toEqual({ code, said: expect.stringContaining(lines[what]) });
});
