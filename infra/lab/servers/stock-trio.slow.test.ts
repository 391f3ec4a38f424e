import { afterAll, expect, test } from 'vitest';
import { poll } from '../poll.ts';
import { startStockTrio } from './stock-trio.ts';

const trio = await startStockTrio({ links: true, isHurried: true, downAfterMs: 700 });
afterAll(() => trio.stop());

test('a primary alone with its clients is no longer the one that two sentinels name, and loses what only it has', async () => {
  const [first] = trio.machines;
  const { client } = first.redis;
  expect(await client.set('before', '1').then(() => client.wait(2, 1000))).toBe(2);
  trio.isolate(first, ['clients']);
  expect(await client.set('alone', '1').then(() => client.wait(1, 100))).toBe(0);
  const second = await trio.primary(first);
  expect([second.number, await first.sentinel.client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'stock')]).toEqual([
    expect.toBeOneOf([2, 3]),
    ['127.0.0.1', String(first.redis.port)],
  ]);
  trio.heal();
  expect(await trio.settled()).toBe(second);
  await poll('the old primary has what the new one has', async () => (await client.exists('alone')) === 0);
  expect(await second.redis.client.mget('before', 'alone')).toEqual(['1', null]);

  // With the machine goes what was on its way to the replicas.
  for (const machine of trio.machines) if (machine !== second) trio.link(second, machine, 'delay', 1000);
  await second.redis.client.set('on its way', '1');
  await trio.powerOff(second);
  const third = await trio.primary(second);
  expect(await third.redis.client.exists('before', 'on its way')).toBe(1);
});
