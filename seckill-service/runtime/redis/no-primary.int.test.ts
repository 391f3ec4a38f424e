import { afterAll, expect, onTestFinished, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { freePort } from '#lab/servers/free-port.ts';
import { startStockTrio } from '#lab/servers/stock-trio.ts';
import { createStock } from '#stock/create-stock.ts';
import { errorText } from '../../../infra/cli/kit/error-text.ts';
import { explained } from '../../../infra/cli/kit/explained.ts';
import { createLogger } from '../logger.ts';
import { connectRedis, disconnectRedis, redisReady } from './connect.ts';

const trio = await startStockTrio();
afterAll(() => trio.stop());
const [first, second, third] = trio.machines;
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });

function connect(kind: Parameters<typeof connectRedis>[0], url: string) {
  const redis = connectRedis(kind, url, logger);
  onTestFinished(() => disconnectRedis(redis));
  return redis;
}

/** What `/readyz` says, once it says more than what the connection is doing; and that nothing is sold. */
async function saidBy(url: string): Promise<string> {
  const redis = connect('hot', url);
  const words = await poll('it is known why', async () => {
    const text = await redisReady(redis)();
    return text?.includes(' ') ? text : null;
  });
  const question = { orderId: 'o', userId: 'u', quantity: 1 };
  await expect(createStock(redis).reserve('sale', question)).rejects.toMatchObject({ kind: 'unavailable' });
  return words;
}

test('sentinels that know no primary of that name are told as such', async () => {
  const at = trio.machines.map(({ sentinel }) => `127.0.0.1:${sentinel.port}`);
  expect(await saidBy(trio.url.replace('/stock', '/shop'))).toBe(
    `the sentinels know no primary named shop (${at.join(', ')})`,
  );
});

test('sentinels of which none answers are told as such, each with its reason', async () => {
  const [one, two] = [await freePort(), await freePort()];
  expect(await saidBy(`redis+sentinel://127.0.0.1:${one},127.0.0.1:${two}/stock`)).toBe(
    `no sentinel answers (127.0.0.1:${one}: connect ECONNREFUSED 127.0.0.1:${one}; 127.0.0.1:${two}: connect ECONNREFUSED 127.0.0.1:${two})`,
  );
});

test('a server that the sentinels name, and that follows another, is told as such and not used', async () => {
  for (const { sentinel } of trio.machines) {
    await sentinel.client.call('SENTINEL', 'MONITOR', 'follower', '127.0.0.1', String(second.redis.port), '2');
  }
  expect(await saidBy(trio.url.replace('/stock', '/follower'))).toBe(
    `127.0.0.1:${second.redis.port} is a replica, and the sentinels name it as the primary`,
  );
});

test('a single address whose server is a replica is told as such and not used', async () => {
  expect(await saidBy(`redis://127.0.0.1:${second.redis.port}`)).toBe(`127.0.0.1:${second.redis.port} is a replica`);
});

test.for([
  ['a name that no sentinel knows', () => trio.url.replace('/stock', '/shop'), 'know no primary named shop'],
  ['a replica', () => `redis://127.0.0.1:${third.redis.port}`, `127.0.0.1:${third.redis.port} is a replica`],
] as const)('a command of the CLI that meets %s ends within its deadline and says so', async ([_, url, words]) => {
  const redis = connect('patient', url());
  const error: unknown = await createStock(redis)
    .sales()
    .catch((caught: unknown) => caught);
  expect(errorText(explained(error, { stock: redis, queue: redis }))).toContain(words);
});

test('a sentinel that is away at the start is no hindrance, and hears of nothing that is missed when it comes back', async () => {
  await first.sentinel.kill();
  const redis = connect('patient', trio.url);
  expect(await redis.set('x', '1')).toBe('OK');
  await first.sentinel.start();
  expect(await redisReady(redis)()).toBe(null);
});
