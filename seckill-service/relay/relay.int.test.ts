import { Queue } from 'bullmq';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { newOrderId } from '#contract/order.ts';
import { type ChunkData, chunkJobs, ordersIn, parseChunkId } from '#contract/order-chunk.ts';
import { queuePrefix } from '#contract/queues.ts';
import { relayGroup, saleKeys } from '#contract/redis-keys.ts';
import { poll } from '#lab/poll.ts';
import { startRedis } from '#lab/servers/redis.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { createStock } from '#stock/create-stock.ts';
import { type RelayLag, watchRelayLag } from './lag.ts';
import { startRelay } from './relay.ts';

const [stockServer, queueServer] = await Promise.all([startRedis(), startRedis()]);
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const stockRedis = connectRedis('patient', stockServer.url, logger);
const queueRedis = connectRedis('queue', queueServer.url, logger);
const stock = createStock(stockRedis);
let saleId = '';
let queue: Queue;
const running: { close: () => Promise<void> }[] = [];

beforeEach(async () => {
  saleId = `relay-${crypto.randomUUID().slice(0, 8)}`;
  queue = new Queue(saleId, { connection: queueRedis, prefix: queuePrefix });
  queue.on('error', () => {}); // the outages here are on purpose
  const plan = { total: 10_000, opensAtMs: 0, closesAtMs: Date.now() + 60_000, limitPerUser: 1, lowestEpoch: 0 };
  await stock.preload(saleId, plan);
  await stock.setState(saleId, 'open');
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((relay) => relay.close()));
});
afterAll(async () => {
  disconnectRedis(stockRedis, queueRedis);
  await Promise.all([stockServer.stop(), queueServer.stop()]);
});

function relay(instance: string, options: Partial<Parameters<typeof startRelay>[0]> = {}) {
  const started = startRelay({
    redis: stockRedis,
    queue,
    sales: async () => [saleId],
    instance,
    logger,
    takeOverAfterMs: 200,
    fullPassMs: 100,
    ...options,
  });
  running.push(started);
  return started;
}
const buy = async (count: number, of = saleId) => {
  const ids = Array.from({ length: count }, () => newOrderId(of, Date.now()));
  await Promise.all(ids.map((id, index) => stock.reserve(of, { orderId: id, userId: `${id}-${index}`, quantity: 1 })));
  return ids;
};
const queued = async () =>
  (await queue.getJobs(['waiting'], 0, -1)).flatMap((job) =>
    (job.data as ChunkData).orders.map(({ orderId }) => orderId),
  );
/** Orders in the queue, by the ids of its jobs. */
const depth = async () => ordersIn(await queue.getRanges(['waiting'], 0, -1));

test('every accepted order is in one chunk, with any number of relays, and the outbox is empty then', async () => {
  const ids = await buy(300);
  for (const instance of ['a', 'b', 'c']) relay(instance, { batch: 50, takeOverAfterMs: 600_000 });
  await poll('the outbox to be empty', async () => (await stock.outboxLength(saleId)) === 0);
  expect((await queued()).sort()).toEqual(ids.sort());
  const jobs: { id?: string | undefined; name: string }[] = await queue.getJobs(['waiting'], 0, -1);
  expect(jobs.length).toBeLessThanOrEqual(3 * (300 / 50));
  for (const { id, name } of jobs) expect([name, parseChunkId(id ?? '')?.saleId]).toEqual(['orders', saleId]);
});

test('takes over what a dead relay had read and not delivered (I3)', async () => {
  const ids = await buy(5);
  await stockRedis.xreadgroup('GROUP', relayGroup, 'dead', 'COUNT', 3, 'STREAMS', saleKeys(saleId).outbox, '>');
  relay('alive');
  await poll('the outbox to be empty', async () => (await stock.outboxLength(saleId)) === 0);
  expect((await queued()).sort()).toEqual(ids.sort());
});

test('an entry that was delivered and not acknowledged before a crash makes no second job (I5)', async () => {
  const ids = await buy(3);
  const entries = await stockRedis.xreadgroup('GROUP', relayGroup, 'dead', 'STREAMS', saleKeys(saleId).outbox, '>');
  expect(entries).not.toBeNull();
  // As the dead relay's own addBulk did, just before it died.
  const orders = [];
  for (const orderId of ids) {
    const { userId = '', units = 0, place = 0, acceptedAt = 0 } = (await stock.reservation(orderId)) ?? {};
    orders.push({ orderId, saleId, userId, quantity: units, place, acceptedAt });
  }
  await queue.addBulk(chunkJobs(saleId, orders));
  relay('alive');
  await poll('the outbox to be empty', async () => (await stock.outboxLength(saleId)) === 0);
  expect((await queued()).sort()).toEqual(ids.sort());
});

test('the burst rests in the outbox when the queue is deep, and follows when it is drained', async () => {
  await buy(120);
  relay('slow', { maxDepth: 50, batch: 25 });
  await poll('the queue to fill', async () => (await depth()) >= 50);
  expect(await depth()).toBeLessThan(50 + 25);
  expect(await stock.outboxLength(saleId)).toBeGreaterThan(0);
  await queue.drain();
  await poll('the rest to follow', async () => (await depth()) >= 45);
});

test('a sale with a long outbox does not keep a small one waiting while the queue is deep', async () => {
  const small = `${saleId}-small`;
  const plan = { total: 10, opensAtMs: 0, closesAtMs: Date.now() + 600_000, limitPerUser: 1, lowestEpoch: 0 };
  await stock.preload(small, plan);
  await stock.setState(small, 'open');
  await buy(600);
  const ids = await buy(2, small);
  relay('fair', { maxDepth: 50, batch: 25, sales: async () => [saleId, small] });
  const moved = new Set<string>();
  await poll('the small one to be moved', async () => {
    for (const orderId of await queued()) moved.add(orderId);
    // As a drain does: there is room for one batch, and the long one could take it each time.
    const [first] = await queue.getJobs(['waiting'], 0, 0);
    await first?.remove();
    return ids.every((id) => moved.has(id));
  });
  expect(await stock.outboxLength(saleId)).toBeGreaterThan(0);
});

test('what was read while queue Redis was full follows at once, not a batch a second', async () => {
  const ids = await buy(300);
  const outbox = saleKeys(saleId).outbox;
  await stockRedis.xreadgroup('GROUP', relayGroup, 'dead', 'COUNT', 300, 'STREAMS', outbox, '>');
  await poll('them to be abandoned', async () => {
    const pending = (await stockRedis.xpending(outbox, relayGroup, 'IDLE', 250, '-', '+', 300)) as unknown[];
    return pending.length === 300;
  });
  // A relay's first pass is a full one; it moves eight batches of them.
  relay('after', { batch: 25 });
  await poll('some', async () => (await depth()) > 0);
  await poll('the pass to be over', async () => (await depth()) >= 200);
  await poll('the outbox to be empty', async () => (await stock.outboxLength(saleId)) === 0);
  expect((await queued()).sort()).toEqual(ids.sort());
});

test('while purchases pour in the queue is only kept busy; the rest follows when they are served', async () => {
  await buy(200);
  const { nudge } = relay('busy', { busyDepth: 50, batch: 25 });
  const pour = () => {
    for (let purchase = 0; purchase < 2000; purchase += 1) nudge(saleId); // a burst even where a pass takes seconds
  };
  pour();
  const pouring = setInterval(pour, 20);
  try {
    await poll('the queue to be busy', async () => (await depth()) >= 50);
    const outbox = await stock.outboxLength(saleId);
    expect(outbox).toBeGreaterThan(200 - 50 - 25 * 2);
  } finally {
    clearInterval(pouring);
  }
  await poll('the rest to follow', async () => (await depth()) === 200);
});

test('makes its consumer group anew when the stream came back without it', async () => {
  await stockRedis.xgroup('DESTROY', saleKeys(saleId).outbox, relayGroup);
  const ids = await buy(2);
  relay('new');
  await poll('the jobs to arrive', async () => (await depth()) === 2);
  expect((await queued()).sort()).toEqual(ids.sort());
});

test('a queue Redis that dies gets the orders when it is back', async () => {
  relay('patient');
  await queueServer.kill();
  const ids = await buy(40);
  expect(await stock.outboxLength(saleId)).toBe(40);
  await queueServer.revive();
  await poll('the outbox to be empty', async () => (await stock.outboxLength(saleId)) === 0);
  expect((await queued()).sort()).toEqual(ids.sort());
});

test('a queue Redis that is full gets the orders when it has room again; none is lost, none is doubled', async () => {
  await queueRedis.config('RESETSTAT');
  await queueRedis.config('SET', 'maxmemory', '1'); // less than any Redis needs for itself, so that each version is full
  relay('patient');
  const ids = await buy(40);
  const refused = async () => Number(/^errorstat_OOM:count=(\d+)/m.exec(await queueRedis.info('errorstats'))?.[1] ?? 0);
  await poll('some refused tries', async () => (await refused()) >= 3);
  expect(await stock.outboxLength(saleId)).toBe(40);
  await queueRedis.config('SET', 'maxmemory', '0');
  await poll('the outbox to be empty', async () => (await stock.outboxLength(saleId)) === 0);
  expect((await queued()).sort()).toEqual(ids.sort());
});

test('a queue Redis with some room, and not for a whole chunk, gets smaller ones until it is full; the rest stays', async () => {
  const ids = await buy(600);
  const used = Number(/^used_memory:(\d+)/m.exec(await queueRedis.info('memory'))?.[1]);
  await queueRedis.config('SET', 'maxmemory', String(used + 60_000));
  relay('patient');
  const sizes = async () =>
    (await queue.getRanges(['waiting'], 0, -1))
      .map((id) => parseChunkId(id)?.count ?? 0)
      .filter((count) => count < 100);
  await poll('a smaller chunk', async () => (await sizes()).length > 0);
  expect(await stock.outboxLength(saleId)).toBeGreaterThan(0);
  expect((await depth()) + (await stock.outboxLength(saleId))).toBeGreaterThanOrEqual(600);
  await queueRedis.config('SET', 'maxmemory', '0');
  await poll('the outbox to be empty', async () => (await stock.outboxLength(saleId)) === 0);
  expect((await queued()).sort()).toEqual(ids.sort());
});

test.each<[string, (outbox: string, entries: string[]) => Promise<unknown>]>([
  ['deleted and not acknowledged', (outbox, entries) => stockRedis.xdel(outbox, ...entries)],
  ['acknowledged and not deleted', (outbox, entries) => stockRedis.xack(outbox, relayGroup, ...entries)],
])('entries that a relay moved and left %s, when it died, keep none of the others back', async (_how, half) => {
  await buy(3);
  const outbox = saleKeys(saleId).outbox;
  await stockRedis.xreadgroup('GROUP', relayGroup, 'dead', 'STREAMS', outbox, '>');
  await half(
    outbox,
    (await stockRedis.xrange(outbox, '-', '+')).map(([id]) => id),
  );
  const ids = await buy(4);
  relay('alive');
  await poll('the others to be moved', async () => (await depth()) >= 4);
  expect((await queued()).filter((id) => ids.includes(id)).sort()).toEqual(ids.sort());
  await poll(
    'nothing to be pending',
    async () => ((await stockRedis.xpending(outbox, relayGroup)) as [number])[0] === 0,
  );
});

test('what no replica has is not moved, and is as soon as one has it (I4)', async () => {
  const replica = await startRedis({ replicaOf: stockServer });
  try {
    // Listed at once, it takes what is written from its first second on.
    await poll('the replica to follow', async () => {
      await stockRedis.set('followed', 1);
      return (await stockRedis.wait(1, 1000)) === 1;
    });
    replica.pause();
    const ids = await buy(60);
    const outbox = saleKeys(saleId).outbox;
    await stockRedis.xreadgroup('GROUP', relayGroup, 'dead', 'COUNT', 20, 'STREAMS', outbox, '>');
    const passed: boolean[] = [];
    const onBarrier = (_seconds: number, isReplicated: boolean) => passed.push(isReplicated);
    // No relay takes over from it: what comes late is what it held back itself.
    relay('waits', { replicas: 1, onBarrier, batch: 25, takeOverAfterMs: 600_000 });
    relay('takes over', { replicas: 1, onBarrier, batch: 25 });
    await poll('some passes', async () => passed.length >= 8);
    expect(passed).not.toContain(true);
    expect(await queue.getJobCountByTypes('waiting')).toBe(0);
    expect(await stock.outboxLength(saleId)).toBe(60);
    replica.resume();
    await poll('the outbox to be empty', async () => (await stock.outboxLength(saleId)) === 0);
    // On a machine that stands still, one takes over what the other has at work: the drain finds the rows.
    expect([...new Set(await queued())].sort()).toEqual(ids.sort());
  } finally {
    await replica.stop();
  }
});

test('an entry of the version before is moved, and one that cannot be read holds up neither the others nor the sweeper', async () => {
  const { outbox } = saleKeys(saleId);
  await stockRedis.xadd(outbox, '*', 'o', 'rubbish');
  await stockRedis.xadd(outbox, '*', newOrderId(saleId, Date.now()), 'rubbish');
  const old = newOrderId(saleId, Date.now());
  await stockRedis.xadd(outbox, '*', 'o', old, 'u', 'ada', 'q', '1', 'p', '9', 'r', '');
  const ids = [old, ...(await buy(2))];
  relay('reader');
  await poll('the outbox to be empty', async () => (await stock.outboxLength(saleId)) === 0);
  expect((await queued()).sort()).toEqual(ids.sort());
});

test('tells how many orders wait and for how long, and once of a sale that has left the list', async () => {
  await buy(3);
  const told: RelayLag[] = [];
  const gone: string[] = [];
  let listed = [saleId];
  running.push(
    watchRelayLag({
      redis: stockRedis,
      sales: async () => listed,
      now: () => Date.now() + 5000,
      logger,
      onLag: (lag) => told.push(lag),
      onGone: (id) => gone.push(id),
      everyMs: 20,
    }),
  );
  await poll('a word', async () => told.length > 0);
  expect(told[0]).toMatchObject({ saleId, entries: 3 });
  expect(told[0]?.oldestMs).toBeGreaterThanOrEqual(4900);
  listed = [];
  await poll('a word of its end', async () => gone.length > 0);
  expect(gone).toEqual([saleId]);
});
