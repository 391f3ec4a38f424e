import { type Job, Queue, UnrecoverableError, Worker } from 'bullmq';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { newOrderId } from '#contract/order.ts';
import { chunkJobs } from '#contract/order-chunk.ts';
import { queuePrefix } from '#contract/queues.ts';
import { saleKeys } from '#contract/redis-keys.ts';
import { poll } from '#lab/poll.ts';
import { startReplicatedRedis } from '#lab/servers/replicated-redis.ts';
import { createLogger } from '#runtime/logger.ts';
import { createStock } from '#stock/create-stock.ts';
import { countOrders, createOrderFinder } from '../queue/queued-orders.ts';
import { startSweeper } from './sweeper.ts';

const servers = await startReplicatedRedis(1);
afterAll(() => servers.stop());

test('a reservation that no replica has is not enqueued again, and is as soon as one has it (I4)', async () => {
  const redis = servers.connect('patient');
  const [saleId, plain] = ['swept', createStock(redis)];
  const window = { opensAtMs: Date.now() - 1000, closesAtMs: Date.now() + 600_000 };
  await plain.preload(saleId, { total: 1, limitPerUser: 1, lowestEpoch: 0, ...window });
  await plain.setState(saleId, 'open');
  const queue = new Queue('swept', { connection: servers.connect('queue'), prefix: queuePrefix });
  onTestFinished(() => queue.close());
  const passed: boolean[] = [];
  const onBarrier = (_seconds: number, isReplicated: boolean) => passed.push(isReplicated);

  servers.pauseReplicas();
  const orderId = newOrderId(saleId, Date.now());
  await plain.reserve(saleId, { orderId, userId: 'ada', quantity: 1 });
  await redis.xtrim(saleKeys(saleId).outbox, 'MAXLEN', 0); // as if a relay had moved it, and the queue had lost it
  const sweeper = startSweeper({
    ...{ queue, stock: createStock(redis, { replicas: 1, onBarrier }), store: { present: async () => new Map() } },
    ...{ logger: createLogger({ service: 'test', instance: 'test', level: 'silent' }), onSwept: () => undefined },
    ...{ now: () => Date.now() + 60_000, everyMs: 20 },
  });
  onTestFinished(() => sweeper.close());
  await poll('some passes', () => passed.length >= 2);
  expect(passed).not.toContain(true);
  const find = createOrderFinder(queue);
  expect((await find(saleId, [orderId])).size).toBe(0);
  servers.resumeReplicas();
  await poll('its chunk', async () => (await find(saleId, [orderId])).get(orderId) === 'chunk');
});

test('an order in a chunk of the queue is on its way; one in a chunk that failed is enqueued again, as one that has no job (I3)', async () => {
  const redis = servers.connect('patient');
  const [saleId, stock] = ['chunked', createStock(redis)];
  const window = { opensAtMs: Date.now() - 1000, closesAtMs: Date.now() + 600_000 };
  await stock.preload(saleId, { total: 3, limitPerUser: 1, lowestEpoch: 0, ...window });
  await stock.setState(saleId, 'open');
  const connection = servers.connect('queue');
  const queue = new Queue('chunked', { connection, prefix: queuePrefix });
  onTestFinished(() => queue.close());
  const worker = new Worker('chunked', null, { connection, prefix: queuePrefix, autorun: false });
  onTestFinished(() => worker.close(true));
  async function granted(userId: string) {
    const orderId = newOrderId(saleId, Date.now());
    await stock.reserve(saleId, { orderId, userId, quantity: 1 });
    return { orderId, saleId, userId, quantity: 1, place: 1, acceptedAt: Date.now() };
  }
  const [failed, waiting, lost] = [await granted('ada'), await granted('bob'), await granted('eve')];
  await redis.xtrim(saleKeys(saleId).outbox, 'MAXLEN', 0);
  await queue.addBulk([...chunkJobs(saleId, [failed]), ...chunkJobs(saleId, [waiting])]);
  const taken: Job | undefined = await worker.getNextJob('token', { block: false });
  await taken?.moveToFailed(new UnrecoverableError('not an order'), 'token', false);
  expect(await countOrders(queue)).toMatchObject({ waiting: 1, failed: 1 });

  let enqueued = 0;
  const sweeper = startSweeper({
    // The other test's sale is none of this queue's.
    ...{ queue, stock: { ...stock, sales: async () => [saleId] }, store: { present: async () => new Map() } },
    logger: createLogger({ service: 'test', instance: 'test', level: 'silent' }),
    onSwept: (_outcome, count) => {
      enqueued += count;
    },
    ...{ now: () => Date.now() + 60_000, everyMs: 20 },
  });
  onTestFinished(() => sweeper.close());
  const find = createOrderFinder(queue);
  const ids = [failed, waiting, lost].map(({ orderId }) => orderId);
  await poll('all to be on their way', async () => (await find(saleId, ids)).size === 3);
  expect(enqueued).toBe(2);
  expect(await countOrders(queue)).toMatchObject({ waiting: 3 });
});

test('an order that is stored while the sweeper looks is not enqueued again', async () => {
  const redis = servers.connect('patient');
  const [saleId, stock] = ['travelling', createStock(redis)];
  const window = { opensAtMs: Date.now() - 1000, closesAtMs: Date.now() + 600_000 };
  await stock.preload(saleId, { total: 1, limitPerUser: 1, lowestEpoch: 0, ...window });
  await stock.setState(saleId, 'open');
  const connection = servers.connect('queue');
  const queue = new Queue('travelling', { connection, prefix: queuePrefix });
  onTestFinished(() => queue.close());
  const orderId = newOrderId(saleId, Date.now());
  await stock.reserve(saleId, { orderId, userId: 'ada', quantity: 1 });
  await redis.xtrim(saleKeys(saleId).outbox, 'MAXLEN', 0);
  await queue.addBulk(
    chunkJobs(saleId, [{ orderId, saleId, userId: 'ada', quantity: 1, place: 1, acceptedAt: Date.now() }]),
  );
  const row = { version: 1, state: 'awaiting_payment', payByMs: 0, amount: 1, currency: 'CNY' } as const;
  let looks = 0;
  // The row comes, and the chunk goes, just after the first look at the rows.
  const present = async () => {
    looks += 1;
    if (looks > 1) return new Map([[orderId, row]]);
    await queue.drain();
    return new Map();
  };
  const swept: string[] = [];
  const sweeper = startSweeper({
    ...{ queue, stock: { ...stock, sales: async () => [saleId] }, store: { present } },
    logger: createLogger({ service: 'test', instance: 'test', level: 'silent' }),
    onSwept: (outcome) => void swept.push(outcome),
    ...{ now: () => Date.now() + 60_000, everyMs: 20 },
  });
  onTestFinished(() => sweeper.close());
  await poll('it to be committed', () => swept.includes('committed'));
  expect(swept).toEqual(['committed']);
});
