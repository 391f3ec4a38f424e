import { afterAll, expect, test } from 'vitest';
import { startStockTrio } from '#lab/servers/stock-trio.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { createStock } from './create-stock.ts';

const trio = await startStockTrio();
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const redis = connectRedis('patient', trio.url, logger);
const stock = createStock(redis, { replicas: 1 });
afterAll(async () => {
  disconnectRedis(redis);
  await trio.stop();
});

const barrier = () => stock.barrier('proof', async () => 'written');

test('while sentinels vote for another primary a yes needs every replica, for the one that is told last acknowledges and forgets', async () => {
  const primary = await trio.settled();
  const [replica, other] = trio.machines.filter((machine) => machine !== primary);
  if (replica === undefined || other === undefined) throw new Error('a trio has two replicas');
  expect(await barrier()).toBe('written');

  replica.redis.pause();
  expect(await barrier()).toBe('written'); // one has it, and the sentinels are sure of their primary

  // As one that is about to replace the primary asks for its vote.
  const candidate = 'f'.repeat(40);
  const vote = ['SENTINEL', 'IS-MASTER-DOWN-BY-ADDR', '127.0.0.1', primary.redis.port, 1000, candidate] as const;
  for (const { sentinel } of [primary, other]) await sentinel.client.call(...vote);
  await expect(barrier()).rejects.toThrow('the sentinels do not say that this is still the primary');

  replica.redis.resume();
  await expect.poll(barrier).toBe('written');
});
