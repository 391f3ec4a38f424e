import { afterAll, expect, test } from 'vitest';
import { poll } from '#lab/poll.ts';
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

const outcome = () => stock.barrier('proof', async () => 'written').catch(String);
/** On a machine that stands still a replica may be too late for the first try. */
const becomes = (text: string) => poll(text, async () => (await outcome()).includes(text));

test('while sentinels vote for another primary a yes needs every replica, for the one that is told last acknowledges and forgets', async () => {
  const primary = await trio.settled();
  const [replica, other] = trio.machines.filter((machine) => machine !== primary);
  if (replica === undefined || other === undefined) throw new Error('a trio has two replicas');
  await becomes('written');

  replica.redis.pause();
  await becomes('written'); // one has it, and the sentinels are sure of their primary

  // As one that is about to replace the primary asks for its vote.
  const candidate = 'f'.repeat(40);
  const vote = ['SENTINEL', 'IS-MASTER-DOWN-BY-ADDR', '127.0.0.1', primary.redis.port, 1000, candidate] as const;
  for (const { sentinel } of [primary, other]) await sentinel.client.call(...vote);
  expect(await outcome()).not.toBe('written');
  await becomes('the sentinels do not say that this is still the primary');
  expect(await outcome()).not.toBe('written');

  replica.redis.resume();
  await becomes('written');
});
