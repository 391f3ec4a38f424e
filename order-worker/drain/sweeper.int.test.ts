import { Queue } from 'bullmq';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { newOrderId } from '#contract/order.ts';
import { queuePrefix } from '#contract/queues.ts';
import { saleKeys } from '#contract/redis-keys.ts';
import { poll } from '#lab/poll.ts';
import { startReplicatedRedis } from '#lab/servers/replicated-redis.ts';
import { createLogger } from '#runtime/logger.ts';
import { createStock } from '#stock/create-stock.ts';
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
  expect(await queue.getJob(orderId)).toBeUndefined();
  servers.resumeReplicas();
  expect(await poll('its job', async () => (await queue.getJob(orderId)) ?? null)).toMatchObject({ data: { orderId } });
});
