import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newOrderId } from '#contract/order.ts';
import { signTicket } from '#contract/ticket.ts';
import { startStack } from '#infra/stack/stack.ts';
import { poll } from '#lab/poll.ts';
import { startTcpProxy } from '#lab/servers/tcp-proxy.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectRedis, disconnectRedis, hotDeadlineMs } from '#runtime/redis.ts';
import { createGate } from '../purchase/gate.ts';
import { createPurchase } from '../purchase/purchase.ts';
import { createStock } from './create-stock.ts';
import { StockFault } from './fault.ts';
import { reserveInBatches } from './reserve-batch.ts';

// What the service uses goes through a link that the test breaks; the test itself looks past it.
const dir = await mkdtemp(join(tmpdir(), 'faults-'));
const stack = await startStack({ dir, only: ['stock-redis'], port: 'any', environment: process.env });
const url = new URL(stack.environment.SECKILL_STOCK_REDIS_URL ?? '');
const proxy = await startTcpProxy({ to: { host: url.hostname, port: Number(url.port) } });
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const redis = connectRedis('hot', `redis://127.0.0.1:${proxy.port}`, logger);
const stock = createStock(redis);
const probe = new Redis(url.href);
const books = createStock(probe);

// As in the service; what it verifies has tests of its own.
const gate = createGate({
  redis,
  stock: { clock: stock.clock, reserve: reserveInBatches(stock) },
  verify: async () => undefined,
  logger,
});

const ticketKeys = [{ id: 'k1', secret: 's'.repeat(32) }];
const units = 10;
let saleId = '';
let told: string[] = [];

const order = () => newOrderId(saleId, Date.now());
/** One byte is less than any Redis needs for itself; how much more than that an empty one has differs by version. */
const fillMemory = async (of: Redis) => {
  await of.config('SET', 'maxmemory', '1');
  await expect(of.set('one-more', 'x')).rejects.toThrow('OOM');
};

/** No pause of a busy machine is as long. */
const longMs = 30_000;
/** The deadlines of the commands from here on: long ones for what is about something else. */
const setDeadlines = (ms: number, of = redis) =>
  void Object.assign(of.options, { commandTimeout: ms, socketTimeout: ms });
/**
 * Until the hot connection works; its status alone may be that of a link whose end has not been seen yet. What is asked
 * after that is asked for the truth, not for how soon it comes.
 */
const ready = async () => {
  await poll('the hot connection works', () =>
    redis.ping().then(
      () => gate.isOpen(),
      () => false,
    ),
  );
  setDeadlines(longMs);
};
const deps = {
  stock: gate,
  ticketKeys: () => ticketKeys,
  now: Date.now,
  wait: async (ms: number) => void (await wait(ms)),
  onAccepted: () => told.push('accepted'),
  onSoldOut: () => told.push('sold out'),
};
const purchase = createPurchase(deps);
/** Where it counts what the answer is, not that there is one soon. */
const patientPurchase = createPurchase({ ...deps, decideWithinMs: longMs });
const buy = (orderId: string, userId = 'u', by = purchase) =>
  by(saleId, signTicket({ orderId, userId, expiresAtMs: Date.now() + 60_000 }, ticketKeys), { quantity: 1 });

/** How often Redis ran a script since the test began, whoever heard of it. */
async function runs(): Promise<number> {
  const text = await probe.info('commandstats');
  return [...text.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}
const hasRun = (times: number) => poll(`Redis has run ${times} scripts`, async () => (await runs()) === times);

/** The kind of fault that a call ends in, and after how many milliseconds. */
async function fault(call: Promise<unknown>): Promise<{ kind: string; afterMs: number }> {
  const startedAt = performance.now();
  const kind = await call.then(
    (answer) => `answered ${JSON.stringify(answer)}`,
    (error: unknown) => (error instanceof StockFault ? error.kind : String(error)),
  );
  return { kind, afterMs: performance.now() - startedAt };
}

async function taken() {
  const cut = await books.cut(saleId);
  const live = [...(cut?.reservations.values() ?? [])].filter((it) => it.state !== 'released');
  const outbox = await books.outboxLength(saleId);
  return { free: cut?.sale.free, held: live.reduce((sum, it) => sum + it.units, 0), outbox };
}

beforeEach(async () => {
  proxy.mode('pass');
  await ready();
  saleId = `faults-${crypto.randomUUID().slice(0, 8)}`;
  const plan = { total: units, opensAtMs: 0, closesAtMs: Date.now() + 600_000, limitPerUser: 1, lowestEpoch: 0 };
  await books.preload(saleId, plan);
  await books.setState(saleId, 'open');
  await stock.reserve(saleId, { orderId: 'not-an-order', userId: 'nobody', quantity: 99 }); // refused; the scripts are loaded from here on
  await probe.config('RESETSTAT');
  told = [];
  setDeadlines(hotDeadlineMs);
});
afterEach(async () => {
  await probe.replicaof('NO', 'ONE');
  await probe.config('SET', 'maxmemory', '0');
  await probe.config('SET', 'min-replicas-to-write', '0');
});
afterAll(async () => {
  disconnectRedis(redis, probe);
  await proxy.close();
  await stack.stop();
  await rm(dir, { recursive: true, force: true });
});

describe('a reply that is lost after Redis has run the script', () => {
  test('takes one unit, is unknown as soon as the link is cut, is not resent, and asked again is a replay (I5)', async () => {
    const orderId = order();
    setDeadlines(longMs);
    proxy.mode('drop-replies');
    const lost = fault(stock.reserve(saleId, { orderId, userId: 'u', quantity: 1 }));
    await hasRun(1);
    proxy.mode('cut');
    const { kind, afterMs } = await lost;
    expect(kind).toBe('unknown');
    expect(afterMs).toBeLessThan(longMs / 2); // the link's end, not the deadline of the command
    proxy.mode('pass');
    await ready();
    expect(await stock.reserve(saleId, { orderId, userId: 'u', quantity: 1 })).toEqual({ kind: 'replay', place: 1 });
    expect(await runs()).toBe(2);
    expect(await taken()).toEqual({ free: units - 1, held: 1, outbox: 1 });
  });

  test('leaves the shopper with one answer, the true one, without asking him again (I5)', async () => {
    const orderId = order();
    setDeadlines(longMs);
    proxy.mode('drop-replies');
    const answer = buy(orderId, 'u', patientPurchase);
    await hasRun(1);
    proxy.mode('cut');
    await poll('the link is seen as lost', async () => redis.status !== 'ready');
    proxy.mode('pass');
    expect(await answer).toEqual({ kind: 'replay', place: 1, orderId });
    expect(told).toEqual(['accepted']); // the first word of it that this process hears
    expect(await taken()).toEqual({ free: units - 1, held: 1, outbox: 1 });
  });

  test('ends as "unavailable" when the link stays away, and the retry of the shopper gets the truth (I5)', async () => {
    const orderId = order();
    proxy.mode('drop-replies');
    setDeadlines(longMs);
    const startedAt = performance.now();
    const answer = buy(orderId);
    await hasRun(1);
    proxy.mode('cut');
    expect(await answer).toEqual({ kind: 'unavailable' });
    expect(performance.now() - startedAt).toBeLessThan(longMs / 2); // 2 s, and what the machine is late
    proxy.mode('pass');
    await ready();
    expect(await buy(orderId)).toEqual({ kind: 'replay', place: 1, orderId });
    expect(await taken()).toEqual({ free: units - 1, held: 1, outbox: 1 });
  });
});

test('a question that arrives after its order was refused takes no unit that has come back since (I4)', async () => {
  const others = Array.from({ length: units }, order);
  for (const each of others) await books.reserve(saleId, { orderId: each, userId: each, quantity: 1 });
  await probe.config('RESETSTAT');
  const orderId = order();
  proxy.mode('delay', 8000);
  const answer = buy(orderId, 'u', patientPurchase); // under way for 8 s: late, whatever else is slow here
  await poll('it is given up', async () => redis.status !== 'ready');
  proxy.mode('pass');
  expect(await answer).toMatchObject({ kind: 'sold_out' }); // asked over the next connection
  expect(await runs()).toBe(1);
  await books.release(saleId, others[0] ?? '');
  await hasRun(3); // with the release and the late question
  expect(await taken()).toEqual({ free: 1, held: units - 1, outbox: units });
});

describe('a link that is silent', () => {
  test('half-open: rejected by the deadline of the command, and what was swallowed is never sent again (I5)', async () => {
    const orderId = order();
    proxy.mode('half-open');
    const { kind, afterMs } = await fault(stock.reserve(saleId, { orderId, userId: 'u', quantity: 1 }));
    expect(kind).toBe('unknown');
    expect(afterMs).toBeGreaterThan(900);
    expect(afterMs).toBeLessThan(longMs / 2); // without a deadline it would wait for ever
    proxy.mode('pass');
    await ready();
    expect(await stock.reserve(saleId, { orderId, userId: 'u', quantity: 1 })).toEqual({
      kind: 'accepted',
      place: 1,
      soldOutEpoch: null,
    });
    expect(await runs()).toBe(1);
    expect(await taken()).toEqual({ free: units - 1, held: 1, outbox: 1 });
  });

  test('half-open: the dead link is given up by itself, so that the next connection can be a live one', async () => {
    proxy.mode('half-open');
    await fault(stock.reserve(saleId, { orderId: order(), userId: 'u', quantity: 1 }));
    await poll('the dead link is given up', async () => redis.status !== 'ready');
  });

  test('half-open: every shopper of a crowd is answered within the deadline, also who came when others waited', async () => {
    proxy.mode('half-open');
    const crowd = Array.from({ length: 20 }, async (_, index) => {
      await wait(index * 40);
      const startedAt = performance.now();
      const { kind } = await buy(order(), `u${index}`);
      return { kind, ms: performance.now() - startedAt };
    });
    const answers = await Promise.all(crowd);
    expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set(['unavailable']));
    // decideWithinMs and the deadline of one more command are 3 s; one after the other they would take 20 s and more.
    expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(longMs / 3);
  });

  test('slow: a command that comes after its deadline runs once, and asking again is a replay (I5)', async () => {
    const orderId = order();
    proxy.mode('delay', 8000);
    const { kind, afterMs } = await fault(stock.reserve(saleId, { orderId, userId: 'u', quantity: 1 }));
    expect(kind).toBe('unknown');
    expect(afterMs).toBeLessThan(8000);
    expect(await runs()).toBe(0);
    await hasRun(1);
    proxy.mode('pass');
    await ready();
    expect(await stock.reserve(saleId, { orderId, userId: 'u', quantity: 1 })).toEqual({ kind: 'replay', place: 1 });
    expect(await taken()).toEqual({ free: units - 1, held: 1, outbox: 1 });
  });
});

test('a link that is down before anything is sent is "unavailable" at once, and nothing is sent later', async () => {
  const orderId = order();
  proxy.mode('cut');
  await poll('the link is seen as lost', async () => redis.status !== 'ready');
  setDeadlines(longMs);
  const { kind, afterMs } = await fault(stock.reserve(saleId, { orderId, userId: 'u', quantity: 1 }));
  expect(kind).toBe('unavailable');
  expect(afterMs).toBeLessThan(longMs / 2); // it waited for no deadline
  expect(await buy(orderId)).toEqual({ kind: 'unavailable' });
  proxy.mode('pass');
  await ready();
  expect(await runs()).toBe(0);
  expect(await taken()).toEqual({ free: units, held: 0, outbox: 0 });
});

describe('a Redis that refuses to run the script', () => {
  const refusals: { refusal: string; begin: () => Promise<unknown>; end: () => Promise<unknown>; text: string }[] = [
    {
      refusal: 'its memory is full',
      begin: () => fillMemory(probe),
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
      await expect(stock.reserve(saleId, { orderId, userId: 'u', quantity: 1 })).rejects.toThrow(it.text);
      const { kind, afterMs } = await fault(stock.reserve(saleId, { orderId, userId: 'u', quantity: 1 }));
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
  await stock.reserve(saleId, { orderId: kept, userId: 'u', quantity: 1 });
  await stock.reserve(saleId, { orderId: back, userId: 'v', quantity: 1 });
  await fillMemory(probe);
  expect((await fault(stock.reserve(saleId, { orderId: order(), userId: 'w', quantity: 1 }))).kind).toBe('unavailable');
  expect(await stock.commit(saleId, [kept])).toEqual(['committed']);
  expect(await stock.release(saleId, back)).toEqual({ kind: 'released', openEpoch: null });
  expect((await stock.setState(saleId, 'pause')).kind).toBe('done');
  expect((await stock.sale(saleId))?.state).toBe('paused');
  expect(await taken()).toEqual({ free: units - 1, held: 1, outbox: 2 });
});

test('a Redis that is still loading is "unavailable", and then knows every yes that it gave before (I3)', async () => {
  const home = await mkdtemp(join(tmpdir(), 'loading-'));
  const free = createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  const address = free.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  free.close();
  await once(free, 'close');
  const start = (...more: string[]) => {
    const settings = ['--bind', '127.0.0.1', '--port', String(port), '--dir', home, '--save', ''];
    const args = [...settings, '--appendonly', 'yes', '--appendfsync', 'always', ...more];
    const child = spawn('redis-server', args, { stdio: 'ignore' });
    return { kill: () => child.kill('SIGKILL'), ended: once(child, 'exit') };
  };
  const own = connectRedis('hot', `redis://127.0.0.1:${port}`, logger);
  setDeadlines(longMs, own);
  const look = new Redis(port, { enableReadyCheck: false, maxRetriesPerRequest: null });
  look.on('error', () => {}); // not up yet
  const ownStock = createStock(own);
  let server = start();
  try {
    await poll('Redis is up', async () => own.status === 'ready');
    const plan = { total: units, opensAtMs: 0, closesAtMs: Date.now() + 600_000, limitPerUser: 1, lowestEpoch: 0 };
    await ownStock.preload(saleId, plan);
    await ownStock.setState(saleId, 'open');
    const orderId = order();
    expect((await ownStock.reserve(saleId, { orderId, userId: 'u', quantity: 1 })).kind).toBe('accepted');
    await Promise.all(Array.from({ length: 10_000 }, (_, index) => look.set(`ballast-${index}`, 'x')));
    server.kill();
    await server.ended;
    server = start('--key-load-delay', '500'); // µs per command of the AOF: 5 s to be seen in

    await poll('Redis says that it is loading', () =>
      look.get('ballast-1').then(
        () => false,
        (error: Error) => error.message.startsWith('LOADING'),
      ),
    );
    const seen = new Set<string>();
    const answer = await poll('the sale goes on', async () => {
      const outcome = await ownStock
        .reserve(saleId, { orderId, userId: 'u', quantity: 1 })
        .catch((error: unknown) => error);
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
    await rm(home, { recursive: true, force: true });
  }
});

test('scripts that Redis has forgotten are loaded by themselves, also for a crowd in one pipeline', async () => {
  setDeadlines(longMs);
  await probe.script('FLUSH');
  const outcomes = await Promise.all(
    Array.from({ length: 3 * units }, (_, index) =>
      stock.reserve(saleId, { orderId: order(), userId: `u${index}`, quantity: 1 }),
    ),
  );
  expect(outcomes.filter(({ kind }) => kind === 'accepted')).toHaveLength(units);
  expect(outcomes.filter(({ kind }) => kind === 'sold_out')).toHaveLength(2 * units);
  await probe.script('FLUSH');
  const [orderId = ''] = (await books.cut(saleId))?.reservations.keys() ?? [];
  expect((await stock.release(saleId, orderId)).kind).toBe('released');
  expect(await taken()).toEqual({ free: 1, held: units - 1, outbox: units });
});

test('through a link that breaks again and again, each shopper of a crowd has one order or none, as told (I3–I5)', async () => {
  let isBreaking = true;
  const breaker = (async () => {
    for (let round = 0; isBreaking; round += 1) {
      const modes = ['drop-replies', 'cut', 'pass', 'half-open', 'cut', 'pass'] as const;
      proxy.mode(modes[round % modes.length] ?? 'pass');
      await wait(30);
    }
  })();
  const told = new Map<string, string>();
  const shoppers = Array.from({ length: 40 }, async (_, index) => {
    await wait(index * 10);
    const orderId = order();
    for (;;) {
      const { kind } = await buy(orderId, `u${index}`);
      if (kind !== 'unavailable') {
        told.set(orderId, kind);
        return;
      }
      await wait(20); // a shut gate answers at once
    }
  });
  await Promise.race([Promise.all(shoppers), wait(8000)]);
  isBreaking = false;
  await breaker;
  proxy.mode('pass');
  await Promise.all(shoppers);
  const granted = [...((await books.cut(saleId))?.reservations.keys() ?? [])];
  const yes = [...told].flatMap(([orderId, kind]) => (kind === 'accepted' || kind === 'replay' ? [orderId] : []));
  expect(yes.sort()).toEqual(granted.sort());
  expect(new Set(told.values())).toContain('sold_out');
  expect(await taken()).toEqual({ free: 0, held: units, outbox: units });
});
