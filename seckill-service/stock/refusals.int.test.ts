import { once } from 'node:events';
import { createServer } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startStack } from '#infra/stack/stack.ts';
import { faultOfCall, longMs, startStockLink, units } from '#lab/kits/stock-link.ts';
import { poll } from '#lab/poll.ts';
import { spawnTied } from '#lab/servers/tied-process.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { createStock } from './create-stock.ts';
import { StockFault } from './fault.ts';

// With the configuration of the product: what it says of a full memory is a part of the subject.
const dir = temporaryDirectory('refusals');
const stack = await startStack({ dir, only: ['stock-redis'], port: 'any', environment: process.env });
const link = await startStockLink(stack.environment.SECKILL_STOCK_REDIS_URL ?? '');
const { redis, stock, probe, saleId, order, reserve, buy, ready, setDeadlines, taken, fillMemory } = link;

beforeEach(link.begin);
afterEach(async () => {
  await probe.replicaof('NO', 'ONE');
  await probe.config('SET', 'maxmemory', '0');
  await probe.config('SET', 'min-replicas-to-write', '0');
});
afterAll(async () => {
  await link.close();
  await stack.stop();
});

describe('a Redis that refuses to run the script', () => {
  const refusals: { refusal: string; begin: () => Promise<unknown>; end: () => Promise<unknown>; text: string }[] = [
    {
      refusal: 'its memory is full',
      begin: () => fillMemory(),
      end: () => probe.config('SET', 'maxmemory', '0'),
      text: 'OOM',
    },
    {
      refusal: 'it is a replica',
      begin: () => probe.replicaof('127.0.0.1', 1),
      end: () => probe.replicaof('NO', 'ONE'),
      text: 'READONLY',
    },
    {
      refusal: 'it has too few replicas',
      begin: () => probe.config('SET', 'min-replicas-to-write', '1'),
      end: () => probe.config('SET', 'min-replicas-to-write', '0'),
      text: 'NOREPLICAS',
    },
  ];

  test.each(refusals)(
    'because $refusal: "unavailable" at once, nothing changed, and it sells again after',
    async (it) => {
      const orderId = order();
      const before = await taken();
      setDeadlines(longMs);
      await it.begin();
      await expect(reserve(orderId)).rejects.toThrow(it.text);
      const { kind, afterMs } = await faultOfCall(reserve(orderId));
      expect(kind).toBe('unavailable');
      expect(afterMs).toBeLessThan(longMs / 2); // it waited for no deadline
      expect(await buy(orderId)).toEqual({ kind: 'unavailable' });
      await it.end();
      expect(await taken()).toEqual(before);
      await ready(); // from a replica it goes away at once
      expect(await buy(orderId)).toEqual({ kind: 'accepted', place: 1, soldOutEpoch: null, orderId });
    },
  );
});

test('a server that has become a replica is left: the next link may lead to the new primary', async () => {
  const left = once(redis, 'close');
  await probe.replicaof('127.0.0.1', 1);
  expect(await buy(order())).toEqual({ kind: 'unavailable' });
  await left;
  await probe.replicaof('NO', 'ONE'); // as the new primary would be
  await ready();
  expect(await buy(order())).toMatchObject({ kind: 'accepted', place: 1 });
});

test('a Redis whose memory is full still commits, takes back, pauses and tells its books', async () => {
  const [kept, back] = [order(), order()];
  setDeadlines(longMs);
  await reserve(kept);
  await reserve(back, 'v');
  await fillMemory();
  expect((await faultOfCall(reserve(order(), 'w'))).kind).toBe('unavailable');
  expect(await stock.commit(saleId(), [kept])).toEqual(['committed']);
  expect(await stock.release(saleId(), back)).toEqual({ kind: 'released', openEpoch: null });
  expect((await stock.setState(saleId(), 'pause')).kind).toBe('done');
  expect((await stock.sale(saleId()))?.state).toBe('paused');
  expect(await taken()).toEqual({ free: units - 1, held: 1, outbox: 2 });
});

test('a Redis that is still loading is "unavailable", and then knows every yes that it gave before (I3)', async () => {
  const home = temporaryDirectory('loading');
  const free = createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  const address = free.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  free.close();
  await once(free, 'close');
  const start = (...more: string[]) => {
    const settings = ['--bind', '127.0.0.1', '--port', String(port), '--dir', home, '--save', ''];
    const args = [...settings, '--appendonly', 'yes', '--appendfsync', 'always', ...more];
    const { child } = spawnTied('redis-server', args, { stdio: 'ignore' });
    return { kill: () => child.kill('SIGKILL'), ended: once(child, 'exit') };
  };
  const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
  const own = connectRedis('hot', `redis://127.0.0.1:${port}`, logger);
  Object.assign(own.options, { commandTimeout: longMs, socketTimeout: longMs });
  const look = new Redis(port, { enableReadyCheck: false, maxRetriesPerRequest: null, retryStrategy: () => 20 });
  look.on('error', () => {}); // not up yet
  const ownStock = createStock(own);
  let server = start();
  try {
    await poll('Redis is up', async () => own.status === 'ready');
    const plan = { total: units, opensAtMs: 0, closesAtMs: Date.now() + 600_000, limitPerUser: 1, lowestEpoch: 0 };
    await ownStock.preload(saleId(), plan);
    await ownStock.setState(saleId(), 'open');
    const orderId = order();
    expect((await reserve(orderId, 'u', ownStock)).kind).toBe('accepted');
    await Promise.all(Array.from({ length: 5000 }, (_, index) => look.set(`ballast-${index}`, 'x')));
    server.kill();
    await server.ended;
    server = start('--key-load-delay', '500'); // µs per command of the AOF: 2.5 s to be seen in

    await poll('Redis says that it is loading', () =>
      look.get('ballast-1').then(
        () => false,
        (error: Error) => error.message.startsWith('LOADING'),
      ),
    );
    const seen = new Set<string>();
    const answer = await poll('the sale goes on', async () => {
      const outcome = await reserve(orderId, 'u', ownStock).catch((error: unknown) => error);
      if (!(outcome instanceof StockFault)) return outcome ?? null;
      seen.add(outcome.kind);
      return null;
    });
    expect([...seen]).toEqual(['unavailable']);
    expect(answer).toEqual({ kind: 'replay', place: 1 });
  } finally {
    disconnectRedis(own, look);
    server.kill();
    await server.ended;
  }
});
