import { Queue } from 'bullmq';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { newOrderId } from '#contract/order.ts';
import { outboxFields } from '#contract/outbox.ts';
import { queuePrefix } from '#contract/queues.ts';
import { relayGroup, saleKeys } from '#contract/redis-keys.ts';
import { poll } from '#lab/poll.ts';
import { startRedis } from '#lab/servers/redis.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { createStock } from '#stock/create-stock.ts';
import { createAddOrders } from './add-orders.ts';
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
    addOrders: createAddOrders(queueRedis, saleId),
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
const queued = async () => (await queue.getJobs(['waiting'], 0, -1)).map((job) => job.id).sort();

test('every accepted order becomes one job, with any number of relays, and the outbox is empty then', async () => {
  const ids = await buy(300);
  for (const instance of ['a', 'b', 'c']) relay(instance, { batch: 50 });
  await poll('the outbox to be empty', async () => (await stock.outboxLength(saleId)) === 0);
  expect(await queued()).toEqual(ids.sort());
  const [job] = await queue.getJobs(['waiting'], 0, 0);
  expect(job?.data).toMatchObject({ saleId, quantity: 1, orderId: job?.id });
});

test('takes over what a dead relay had read and not delivered (I3)', async () => {
  const ids = await buy(5);
  await stockRedis.xreadgroup('GROUP', relayGroup, 'dead', 'COUNT', 3, 'STREAMS', saleKeys(saleId).outbox, '>');
  relay('alive');
  await poll('the outbox to be empty', async () => (await stock.outboxLength(saleId)) === 0);
  expect(await queued()).toEqual(ids.sort());
});

test('an entry that was delivered and not acknowledged before a crash makes no second job (I5)', async () => {
  const ids = await buy(3);
  const entries = await stockRedis.xreadgroup('GROUP', relayGroup, 'dead', 'STREAMS', saleKeys(saleId).outbox, '>');
  expect(entries).not.toBeNull();
  // As the dead relay's own addBulk did, just before it died.
  await queue.addBulk(ids.map((jobId) => ({ name: 'order', data: {}, opts: { jobId } })));
  relay('alive');
  await poll('the outbox to be empty', async () => (await stock.outboxLength(saleId)) === 0);
  expect(await queued()).toEqual(ids.sort());
});

test('the burst rests in the outbox when the queue is deep, and follows when it is drained', async () => {
  await buy(120);
  relay('slow', { maxDepth: 50, batch: 25 });
  await poll('the queue to fill', async () => (await queue.getWaitingCount()) >= 50);
  expect(await queue.getWaitingCount()).toBeLessThan(50 + 25);
  expect(await stock.outboxLength(saleId)).toBeGreaterThan(0);
  await queue.drain();
  await poll('the rest to follow', async () => (await queue.getWaitingCount()) >= 45);
});

test('a sale with a long outbox does not keep a small one waiting while the queue is deep', async () => {
  const small = `${saleId}-small`;
  const plan = { total: 10, opensAtMs: 0, closesAtMs: Date.now() + 600_000, limitPerUser: 1, lowestEpoch: 0 };
  await stock.preload(small, plan);
  await stock.setState(small, 'open');
  await buy(600);
  const ids = await buy(2, small);
  relay('fair', { maxDepth: 50, batch: 25, sales: async () => [saleId, small] });
  const moved = new Set<string | undefined>();
  await poll('the small one to be moved', async () => {
    const jobs = await queue.getJobs(['waiting'], 0, 99);
    for (const job of jobs) moved.add(job.id);
    // As a drain does: there is room for one batch, and the long one could take it each time.
    await Promise.all(jobs.slice(0, 25).map((job) => job.remove()));
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
  await poll('some', async () => (await queue.getWaitingCount()) > 0);
  await poll('the pass to be over', async () => (await queue.getWaitingCount()) >= 200);
  await poll('the outbox to be empty', async () => (await stock.outboxLength(saleId)) === 0);
  expect(await queued()).toEqual(ids.sort());
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
    await poll('the queue to be busy', async () => (await queue.getWaitingCount()) >= 50);
    const outbox = await stock.outboxLength(saleId);
    expect(outbox).toBeGreaterThan(200 - 50 - 25 * 2);
  } finally {
    clearInterval(pouring);
  }
  await poll('the rest to follow', async () => (await queue.getWaitingCount()) === 200);
});

test('makes its consumer group anew when the stream came back without it', async () => {
  await stockRedis.xgroup('DESTROY', saleKeys(saleId).outbox, relayGroup);
  const ids = await buy(2);
  relay('new');
  await poll('the jobs to arrive', async () => (await queue.getWaitingCount()) === 2);
  expect(await queued()).toEqual(ids.sort());
});

test('a queue Redis that dies gets the orders when it is back', async () => {
  relay('patient');
  await queueServer.kill();
  const ids = await buy(40);
  expect(await stock.outboxLength(saleId)).toBe(40);
  await queueServer.revive();
  await poll('the outbox to be empty', async () => (await stock.outboxLength(saleId)) === 0);
  expect(await queued()).toEqual(ids.sort());
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
  expect(await queued()).toEqual(ids.sort());
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
    expect(await queued()).toEqual(ids.sort());
  } finally {
    await replica.stop();
  }
});

test('an entry that cannot be read holds up neither the others nor the sweeper', async () => {
  await stockRedis.xadd(saleKeys(saleId).outbox, '*', outboxFields.orderId, 'rubbish');
  const ids = await buy(2);
  relay('reader');
  await poll('the outbox to be empty', async () => (await stock.outboxLength(saleId)) === 0);
  expect(await queued()).toEqual(ids.sort());
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
