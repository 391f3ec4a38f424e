import { Queue, UnrecoverableError, Worker } from 'bullmq';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { newOrderId } from '#contract/order.ts';
import { chunkJobs } from '#contract/order-chunk.ts';
import { orderJobOptions, queuePrefix } from '#contract/queues.ts';
import { startRedis } from '#lab/servers/redis.ts';
import { createLogger } from '#runtime/logger.ts';
import { connectRedis, disconnectRedis } from '#runtime/redis/connect.ts';
import { readBacklog } from '../drain/backlog.ts';
import { countOrders, createOrderFinder, findChunkOf } from './queued-orders.ts';

const server = await startRedis();
const redis = connectRedis('queue', server.url, createLogger({ service: 'test', instance: 'test', level: 'silent' }));
const queue = new Queue('counted', { connection: redis, prefix: queuePrefix });
const worker = new Worker('counted', null, { connection: redis, prefix: queuePrefix, autorun: false });
const token = 'test';

afterAll(async () => {
  await worker.close(true);
  await queue.close();
  disconnectRedis(redis);
  await server.stop();
});
beforeEach(() => redis.flushall());

let accepted = 1_000_000;
const orderOf = (saleId: string) => {
  const orderId = newOrderId(saleId, Date.now());
  accepted += 1;
  return { orderId, saleId, userId: 'u', quantity: 1, place: 1, acceptedAt: accepted };
};
const ordersOf = (saleId: string, count: number) => Array.from({ length: count }, () => orderOf(saleId));
async function addChunk(saleId: string, count: number) {
  const orders = ordersOf(saleId, count);
  await queue.addBulk(chunkJobs(saleId, orders));
  return orders;
}
async function addAlone(saleId: string) {
  const order = orderOf(saleId);
  await queue.add('order', order, { ...orderJobOptions, jobId: order.orderId });
  return order;
}
async function take() {
  const job = await worker.getNextJob(token, { block: false });
  if (job === undefined) throw new Error('no job waits');
  return job;
}

test('orders are counted in chunks and in jobs of their own, less what active chunks are done with; the oldest is found', async () => {
  const active = await addChunk('tea', 7);
  const failed = await addChunk('tea', 4);
  const alone = await addAlone('tea');
  await addChunk('tea', 130);
  await addAlone('cups');
  await (await take()).updateProgress(5);
  await (await take()).moveToFailed(new UnrecoverableError('not an order'), token, false);
  await (await take()).moveToDelayed(Date.now() + 60_000, token);
  expect(await readBacklog(queue)).toEqual({
    waiting: 131,
    active: 2,
    delayed: 1,
    failed: failed.length,
    oldestAcceptedAt: active[5]?.acceptedAt,
  });
  expect((await queue.getJobState(alone.orderId)) === 'delayed').toBe(true);
  await redis.flushall();
  expect(await countOrders(queue)).toEqual({ waiting: 0, active: 0, delayed: 0, failed: 0 });
});

test('an order is found in a chunk that waits, runs or is delayed, and in a job of its own; not in a chunk that failed', async () => {
  const [active, delayed, failed] = [await addChunk('tea', 3), await addChunk('tea', 3), await addChunk('tea', 3)];
  const [alone, waiting, elsewhere] = [await addAlone('tea'), await addChunk('tea', 3), await addChunk('cups', 3)];
  await take();
  await (await take()).moveToDelayed(Date.now() + 60_000, token);
  await (await take()).moveToFailed(new UnrecoverableError('not an order'), token, false);
  await (await take()).moveToFailed(new UnrecoverableError('no sale'), token, false);
  const find = createOrderFinder(queue);
  const all = [...active, ...delayed, ...failed, alone, ...waiting, ...elsewhere].map(({ orderId }) => orderId);
  const found = await find('tea', all);
  const inChunks = [...active, ...delayed, ...waiting].map(({ orderId }) => [orderId, 'chunk'] as const);
  expect(found).toEqual(new Map([...inChunks, [alone.orderId, 'failed']]));
  // What has left the queue is forgotten.
  await redis.flushall();
  expect(await find('tea', all)).toEqual(new Map());
});

test('the chunk of one order is found, with how many jobs are before it', async () => {
  await addAlone('tea');
  await addChunk('tea', 2);
  const [, second] = await addChunk('tea', 2);
  const found = await findChunkOf(queue, 'tea', second?.orderId ?? '');
  expect(found).toMatchObject({ jobsAhead: 2, job: { data: { orders: [{}, { orderId: second?.orderId }] } } });
  expect(await findChunkOf(queue, 'tea', orderOf('tea').orderId)).toBeNull();
});
