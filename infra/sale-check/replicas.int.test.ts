import { expect, onTestFinished, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { startStockTrio } from '#lab/servers/stock-trio.ts';
import { redisPlaceOf, type SentinelPlace } from '#runtime/redis/place.ts';
import { checkRedisGroup, settingNames } from './redis.ts';
import { readRedisGroup } from './redis-group.ts';
import { judgeReplicas } from './replicas.ts';

test('of three Redis with a sentinel beside each, what would cost a yes or a sale is found, with the command that mends it', async () => {
  // No failover while this machine stands still.
  const trio = await startStockTrio({ downAfterMs: 5000 });
  onTestFinished(() => trio.stop());
  const place = redisPlaceOf(trio.url) as SentinelPlace; // the trio's URL names sentinels
  const read = () => readRedisGroup(place, settingNames('stock'));
  const judged = async (asked = 1) => judgeReplicas(await read(), asked);
  const says = (text: string, asked = 1) =>
    poll(text, async () => (await judged(asked)).find((found) => found.says.includes(text)) ?? null);
  const [one, two, three] = trio.machines;
  await Promise.all(trio.machines.map(({ redis }) => redis.client.config('SET', 'aof-load-truncated', 'no')));

  const well = await says('2 replicas, a yes is on 2 disks; 3 sentinels, quorum 2');
  expect(well).toMatchObject({ verdict: 'pass', says: expect.stringContaining(`primary 127.0.0.1:${one.redis.port}`) });
  expect(checkRedisGroup('stock', await read()).map(({ verdict }) => verdict)).toEqual(['pass']);
  const { nodes } = await read();
  const clocks = nodes.flatMap((node) => (node.kind === 'there' ? [node.clock] : []));
  expect(clocks.map(({ clock }) => clock).sort()).toEqual(
    trio.machines.map(({ redis }) => `127.0.0.1:${redis.port}`).sort(),
  );

  // A replica may be the primary tomorrow.
  await two.redis.client.config('SET', 'appendfsync', 'everysec');
  expect(checkRedisGroup('stock', await read())).toMatchObject([
    {
      verdict: 'fail',
      says: expect.stringContaining(`127.0.0.1:${two.redis.port}: appendfsync is everysec and must be always`),
      mend: expect.stringMatching(/^redis-cli -h 127\.0\.0\.1 -p \d+ CONFIG SET appendfsync always/),
    },
  ]);
  await two.redis.client.config('SET', 'appendfsync', 'always');

  const set = (field: string, value: number) =>
    three.sentinel.client.call('SENTINEL', 'SET', 'stock', field, String(value));
  await set('quorum', 1);
  await set('down-after-milliseconds', 30_000);
  expect((await says('has a quorum of 1, and 2 of 3 must agree')).mend).toContain('SENTINEL SET stock quorum 2');
  expect((await says('takes a server for dead after 30000 ms')).verdict).toBe('warn');
  await set('quorum', 2);
  await set('down-after-milliseconds', 5000);
  expect((await says('a yes waits for no replica', 0)).verdict).toBe('warn');

  await three.redis.kill();
  expect((await says('1 replica follows the primary, as many as a yes needs')).verdict).toBe('warn');
  expect((await says(`127.0.0.1:${three.redis.port} does not answer`)).mend).toContain('start the Redis at');
  await two.redis.kill();
  expect((await says('0 replicas follow the primary, and a yes needs 1: nothing can be sold')).verdict).toBe('fail');
  await three.sentinel.kill();
  expect((await says(`sentinel 127.0.0.1:${three.sentinel.port} does not answer`)).verdict).toBe('warn');
  await two.sentinel.kill();
  expect((await says('1 of 3 answer, so no failover is decided')).verdict).toBe('fail');
});
