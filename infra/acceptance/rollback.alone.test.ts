import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Pool } from 'undici';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { saleKeys, salesRegistryKey } from '#contract/redis-keys.ts';
import { newSaleId, openSale, seckill, seckillJson, untilEdgesFollow } from '#lab/kits/command-line.ts';
import { runningPid, untilHealthy } from '#lab/kits/processes.ts';
import { poll } from '#lab/poll.ts';
import { startLike } from '#lab/servers/process-like.ts';
import { stackUnderTest } from '#lab/servers/stack-under-test.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { call, getTicket, type HeldTicket, signIn } from '#loadtest/crowd/shopper.ts';
import type { AuditReport } from '#order-worker/audit/audit.ts';
import { createStock } from '#stock/create-stock.ts';

// Stock Redis loses its memory here, and every link to it breaks.
const stack = stackUnderTest();
const units = 20;
const dir = temporaryDirectory('rollback');
const redis = new Redis(stack.env.SECKILL_STOCK_REDIS_URL ?? '');
/** By the edge and its service; and by a second service, which is asked itself, for it stands behind no edge. */
const pool = new Pool(stack.edgeUrl, { connections: 8 });
const second = new Pool('http://service', { connections: 8, socketPath: join(dir, 'service.sock') });
let secondService: Awaited<ReturnType<typeof startLike>>;
let saleId: string;
let asked = 0;

beforeAll(async () => {
  secondService = await startLike(runningPid('service-1'), {
    SECKILL_INSTANCE: 'service-second',
    SECKILL_LISTEN: `unix:${join(dir, 'service.sock')}`,
    SECKILL_INNER_LISTEN: `unix:${join(dir, 'inner.sock')}`,
  });
  await poll('the second service to answer', () => call(second, 'GET', '/'));
});
afterAll(async () => {
  redis.disconnect();
  await Promise.all([pool.close(), second.close()]);
  await secondService?.stop();
  await untilHealthy();
});
beforeEach(async () => {
  saleId = newSaleId('rollback');
  await openSale(stack.env, { saleId, units });
});

async function ticket(): Promise<HeldTicket> {
  const held = await getTicket(pool, saleId, await signIn(pool));
  if (!('ticket' in held)) throw new Error(`no ticket: ${JSON.stringify(held)}`);
  return held;
}
/** One after the other by both services, in turn. */
const buy = async (held: HeldTicket) => {
  asked += 1;
  const { status, body } = await call(asked % 2 === 0 ? pool : second, 'POST', `/api/sales/${saleId}/orders`, {
    ticket: held.ticket,
    body: { quantity: 1 },
  });
  return { status, code: body.code, place: body.place };
};
/** The same, again with the same ticket while one is told to wait: until stock Redis has decided. */
const decided = (held: HeldTicket) =>
  poll('a purchase to be decided', async () => {
    const answer = await buy(held);
    return answer.status !== 503 && answer.status !== 429 && answer;
  });
const audit = () => seckillJson<AuditReport>(stack.env, 'audit', saleId);
const resumed = () => untilEdgesFollow(stack.env, 'sale', 'resume', saleId);
/** In a poll: a command that a busy server kept waiting for too long is one more look. */
const balanced = () => poll('balanced books', async () => (await audit().catch(() => null))?.balanced ?? null);
const buyAndStore = async (count: number) => {
  const answers = [];
  for (let index = 0; index < count; index += 1) answers.push(await decided(await ticket()));
  await poll('the orders to be stored', async () => (await audit().catch(() => null))?.units.held === 0);
  return answers.map(({ place }) => place);
};

/** The sale's keys as they are now; `restore` puts them back and breaks every link, as a restart from a backup does. */
async function backup() {
  const keys = Object.values(saleKeys(saleId));
  const dumps = await Promise.all(keys.map(async (key) => ({ key, dump: await redis.dumpBuffer(key) })));
  return async () => {
    const transaction = redis.multi().del(...keys);
    for (const { key, dump } of dumps) if (dump !== null) transaction.restore(key, 0, dump);
    await transaction.exec();
    await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  };
}

test('a stock Redis with an older past sells nothing more, says so, and is rebuilt to the unit (I1, I3, I5)', async () => {
  expect(await buyAndStore(3)).toEqual([1, 2, 3]);
  const restore = await backup();
  expect(await buyAndStore(3)).toEqual([4, 5, 6]);
  const waiting = await Promise.all([ticket(), ticket(), ticket(), ticket()]);
  await restore();

  // At once, by several, over two services: nobody gets one of the six again.
  const answers = await Promise.all(waiting.map(buy));
  for (const answer of answers) expect(['UNAVAILABLE', 'PAUSED']).toContain(answer.code);
  await poll('every edge to say so', async () => {
    const { body } = await call(pool, 'GET', `/api/sales/${saleId}`);
    return body.state === 'paused';
  });

  const shown = await seckillJson<{ fault: string }>(stack.env, 'sale', 'show', saleId);
  expect(shown.fault).toMatch(/place|reservation/);
  const resume = await seckill(stack.env, 'sale', 'resume', saleId);
  expect([resume.code, resume.stderr]).toEqual([2, expect.stringContaining(`seckill stock rebuild ${saleId}`)]);
  expect((await seckill(stack.env, 'audit', saleId)).code).toBe(1);

  const plan = await seckillJson<{ freeNow: number; freeAfter: number }>(
    stack.env,
    'stock',
    'rebuild',
    saleId,
    '--dry-run',
  );
  expect([plan.freeNow, plan.freeAfter]).toEqual([units - 3, units - 6]);
  const rebuilt = await seckillJson<{ restored: number }>(stack.env, 'stock', 'rebuild', saleId, '--yes');
  expect(rebuilt.restored).toBe(3);
  expect((await audit()).units).toMatchObject({ free: units - 6, unpaid: 6, held: 0 });

  await resumed();
  const [held] = waiting;
  if (held === undefined) throw new Error('no ticket');
  expect(await decided(held)).toMatchObject({ status: 202, place: 7 });
  await balanced();
});

test('a stock Redis that lost everything sells nothing, and comes back from the orders that exist', async () => {
  await buyAndStore(4);
  const waiting = await ticket();
  await redis
    .multi()
    .del(...Object.values(saleKeys(saleId)))
    .srem(salesRegistryKey, saleId)
    .exec();
  await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');

  expect((await buy(waiting)).status).not.toBe(202);
  await poll('the edge to be paused', async () => (await buy(waiting)).code === 'PAUSED');
  await seckillJson(stack.env, 'stock', 'rebuild', saleId, '--yes');
  expect((await audit()).units).toMatchObject({ free: units - 4, unpaid: 4 });
  await resumed();
  expect(await decided(waiting)).toMatchObject({ status: 202, place: 5 });
  await balanced();
});

test('a rebuild of a sale that is on sale, or unknown, is refused and changes nothing', async () => {
  await buyAndStore(1);
  const before = await audit();
  const open = await seckill(stack.env, 'stock', 'rebuild', saleId, '--yes');
  expect([open.code, open.stderr]).toEqual([2, expect.stringContaining('pause it first')]);
  expect((await seckill(stack.env, 'stock', 'rebuild', 'nowhere', '--yes')).code).toBe(2);
  expect((await audit()).units).toEqual(before.units);
});

test('without ZooKeeper a rebuild mends counts and orders all the same, says that it was not told, and what to run', async () => {
  await buyAndStore(2);
  await seckillJson(stack.env, 'sale', 'pause', saleId);
  await redis.set(saleKeys(saleId).stock, 7);
  const away = { ...stack.env, SECKILL_ZOOKEEPER: '127.0.0.1:1' }; // nothing listens there
  const { code, stdout } = await seckill(away, 'stock', 'rebuild', saleId, '--yes');
  expect([code, stdout]).toEqual([
    1,
    expect.stringMatching(`NOT TOLD .*when it is back: seckill stock rebuild ${saleId}`),
  ]);
  expect((await audit()).units).toMatchObject({ free: units - 2, unpaid: 2 });
  await seckillJson(stack.env, 'stock', 'rebuild', saleId, '--yes');
  await resumed();
});

test('a rebuild of books that are in order changes nothing', async () => {
  await buyAndStore(2);
  await seckillJson(stack.env, 'sale', 'pause', saleId);
  const plan = await seckillJson<{ restored: number }>(stack.env, 'stock', 'rebuild', saleId, '--yes');
  expect(plan.restored).toBe(0);
  expect((await audit()).units).toMatchObject({ free: units - 2, unpaid: 2 });
});

type Correction = { name: string; from: string; to: number };
const rebuild = (...flags: string[]) =>
  seckillJson<{ counts: Correction[]; buyers: Correction[]; free: number }>(
    stack.env,
    'stock',
    'rebuild',
    saleId,
    ...flags,
  );

test.each([
  { count: 'too high', written: String(units + 3) },
  { count: 'too low', written: '5' },
  { count: 'no number', written: 'many' },
])('a count of free units that somebody made $count is put right, and the sale goes on (I1)', async ({ written }) => {
  await buyAndStore(1);
  const waiting = await ticket();
  await redis.set(saleKeys(saleId).stock, written);
  const seen = await seckill(stack.env, 'audit', saleId);
  expect([seen.code, seen.stdout]).toEqual([1, expect.stringContaining(`seckill stock rebuild ${saleId}`)]);
  await seckillJson(stack.env, 'sale', 'pause', saleId);
  const counts = [{ name: 'free', from: written, to: units - 1 }];
  expect(await rebuild('--yes')).toMatchObject({ counts, buyers: [], free: units - 1 });
  expect(await audit()).toMatchObject({ balanced: true, fault: null });
  await resumed();
  expect(await decided(waiting)).toMatchObject({ status: 202, place: 2 });
});

test('buyers that do not fit the orders are put right, once, and --dry-run says so first (I2)', async () => {
  const waiting = await ticket();
  const { buyers } = saleKeys(saleId);
  await redis.hset(buyers, waiting.userId, 1);
  expect((await decided(waiting)).code).toBe('LIMIT_REACHED');
  await seckillJson(stack.env, 'sale', 'pause', saleId);
  const wrong = [{ name: waiting.userId, from: '1', to: 0 }];
  expect((await rebuild('--dry-run')).buyers).toEqual(wrong);
  expect(await redis.hget(buyers, waiting.userId)).toBe('1');
  expect((await rebuild('--yes')).buyers).toEqual(wrong);
  expect((await rebuild('--yes')).buyers).toEqual([]);
  expect((await audit()).balanced).toBe(true);
  await resumed();
  expect((await decided(waiting)).status).toBe(202);
});

test('more promised than there is: no count is touched, the sale stays off, until an order was given up (I1)', async () => {
  await buyAndStore(3);
  await seckillJson(stack.env, 'sale', 'pause', saleId);
  await redis.hset(saleKeys(saleId).sale, 'total', 2);
  const over = await seckill(stack.env, 'stock', 'rebuild', saleId, '--yes');
  expect([over.code, over.stdout]).toEqual([1, expect.stringContaining('OVERSOLD by 1 unit:')]);
  const resume = await seckill(stack.env, 'sale', 'resume', saleId);
  expect([resume.code, resume.stderr]).toEqual([2, expect.stringContaining(`seckill stock rebuild ${saleId}`)]);

  const [first] = await redis.hkeys(saleKeys(saleId).reservations);
  await createStock(redis).release(saleId, first ?? '');
  await rebuild('--yes');
  expect(await redis.get(saleKeys(saleId).stock)).toBe('0');
  expect(await seckillJson(stack.env, 'sale', 'resume', saleId)).toMatchObject({ state: 'sold_out' });
});

test('a sale that is closed keeps its orders, and its counts can be put right', async () => {
  await buyAndStore(1);
  await seckillJson(stack.env, 'sale', 'close', saleId, '--yes');
  const done = await seckill(stack.env, 'stock', 'rebuild', saleId, '--yes');
  expect([done.code, done.stderr]).toEqual([2, expect.stringContaining('nothing to rebuild')]);
  await redis.incr(saleKeys(saleId).stock);
  expect((await rebuild('--yes')).counts).toEqual([{ name: 'free', from: String(units), to: units - 1 }]);
  expect((await audit()).balanced).toBe(true);
});
