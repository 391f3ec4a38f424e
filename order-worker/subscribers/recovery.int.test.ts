import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { eventIdOf } from '#contract/cloud-events.ts';
import { replyWith } from '#lab/kits/receiver.ts';
import { startSubscriberKit } from '#lab/kits/subscribers.ts';
import { openSubscriberQueue } from './subscriber-queue.ts';

vi.setConfig({ testTimeout: 180_000 });

const kit = await startSubscriberKit();
const within = { timeout: 45_000, interval: 20 };
const long = { timeout: 120_000, interval: 20 };

afterAll(() => kit.closeAll());
beforeEach(() => kit.openSale());
afterEach(() => kit.clear());

const firstEvents = (orderIds: readonly string[]) => orderIds.map((orderId) => eventIdOf(orderId, 1)).toSorted();
const distinct = (ids: readonly string[]) => [...new Set(ids)].toSorted();

test('a worker that is killed in the middle of deliveries loses none: another one makes them', async () => {
  let isHanging = true;
  const points = await kit.subscribe({
    concurrency: 4,
    reply: (_one, response) => void (isHanging ? null : response.writeHead(204).end()),
  });
  const first = await kit.startWorkerProcess();
  const ids = await kit.buy(50);
  await kit.move(ids.slice(0, 10), 'awaiting_payment', 'paid');
  await expect.poll(() => points.received.length, within).toBe(4); // in its hands, without an answer
  await first.kill();
  isHanging = false;
  kit.startWorker();
  const all = [...firstEvents(ids), ...ids.slice(0, 10).map((orderId) => eventIdOf(orderId, 2))].toSorted();
  await expect.poll(() => distinct(points.ids()), within).toEqual(all);
  await expect.poll(() => kit.waitingRows(points.id), within).toBe(0);
  for (const orderId of ids.slice(0, 10)) {
    const seen = points.ids().filter((id) => id.startsWith(orderId));
    expect(seen.indexOf(eventIdOf(orderId, 2))).toBeGreaterThan(seen.indexOf(eventIdOf(orderId, 1)));
  }
});

test('a worker that is killed between the commit and the queue loses none: the sweep enqueues them', async () => {
  const points = await kit.subscribe();
  const ids = await kit.buy(30);
  // What a worker does before it dies: noted as queued, and nobody told the queue.
  const { rows } = await kit.pool.query<{ seq: number }>(
    "DELETE FROM outbox WHERE consumer = 'subscribers' RETURNING seq",
  );
  await kit.deliveries.note(
    kit.pool,
    rows.map(({ seq }) => seq),
    [points.id],
  );
  kit.startWorker();
  await expect.poll(() => points.ids().toSorted(), within).toEqual(firstEvents(ids));
});

test('a wiped queue Redis loses nothing: what waited, what was to be tried again, what was given up on', async () => {
  const points = await kit.subscribe({ reply: replyWith(500), retry: { tries: 2, firstMs: 20, longestMs: 20 } });
  const coupons = await kit.subscribe({
    reply: replyWith(500),
    retry: { tries: 9, firstMs: 60_000, longestMs: 60_000 },
  });
  const data = await kit.subscribe({ batchSize: 100 });
  const worker = kit.startWorker();
  const ids = await kit.buy(40);
  await expect.poll(() => points.received.length, within).toBe(80); // given up on
  await expect.poll(() => coupons.received.length, within).toBe(40); // waiting for a minute
  await expect.poll(() => data.ids().length, within).toBe(40);
  await expect.poll(() => kit.waitingRows(data.id), within).toBe(0); // it is stored that data has them
  await worker.close();
  ids.push(...(await kit.buy(10)));
  await kit.redis.flushall();
  for (const each of [points, coupons]) each.reply(replyWith(204));
  const before = [points, coupons].map((each) => each.received.length);
  kit.startWorker();
  for (const [index, each] of [points, coupons].entries()) {
    await expect.poll(() => distinct(each.ids().slice(before[index])), within).toEqual(firstEvents(ids));
  }
  await expect.poll(() => data.ids().toSorted(), within).toEqual(firstEvents(ids)); // what it had is not sent again
});

test('a queue Redis that is wiped while the worker runs is filled again', async () => {
  let isOpen = false;
  const points = await kit.subscribe({
    retry: { tries: 50, firstMs: 30_000, longestMs: 30_000 },
    reply: (_one, response) => void response.writeHead(isOpen ? 204 : 503).end(),
  });
  kit.startWorker();
  const ids = await kit.buy(20);
  await expect.poll(() => points.received.length, within).toBe(20);
  isOpen = true;
  await kit.redis.flushall();
  await expect.poll(() => distinct(points.ids().slice(20)), within).toEqual(firstEvents(ids));
});

test('orders that were enqueued twice, or whose job is left over, are delivered once', async () => {
  const points = await kit.subscribe();
  kit.startWorker();
  const [orderId = ''] = await kit.buy();
  await expect.poll(points.ids, within).toEqual([eventIdOf(orderId, 1)]);
  const queue = openSubscriberQueue({ connection: kit.redis, name: points.name, tries: 1, onError: () => undefined });
  await expect.poll(() => kit.waitingRows(points.id), within).toBe(0);
  await expect.poll(async () => (await queue.counts()).active, within).toBe(0); // its own job is over
  await queue.add([{ orderId, firstVersion: 1 }]);
  await kit.move([orderId], 'awaiting_payment', 'paid');
  await expect.poll(points.ids, within).toEqual([1, 2].map((version) => eventIdOf(orderId, version)));
  await expect.poll(async () => (await queue.counts()).waiting + (await queue.counts()).active, within).toBe(0);
  expect(points.received).toHaveLength(2);
});

test('a subscriber’s queue never holds more than its bound: the rest of a backlog waits in the database', async () => {
  const points = await kit.subscribe({ batchSize: 1000, concurrency: 1 });
  await kit.store.pause(points.name, null);
  const worker = kit.startWorker();
  const ids = await kit.buy(6000);
  await expect.poll(() => kit.waitingRows(points.id), long).toBe(6000);
  const queue = openSubscriberQueue({ connection: kit.redis, name: points.name, tries: 1, onError: () => undefined });
  expect(await queue.counts()).toMatchObject({ waiting: 0, active: 0 });
  let most = 0;
  await kit.store.resume(points.name);
  await expect
    .poll(async () => {
      const { waiting } = await queue.counts();
      most = Math.max(most, waiting);
      return new Set(points.ids()).size;
    }, long)
    .toBe(6000);
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(5000);
  expect(distinct(points.ids())).toEqual(firstEvents(ids));
  await worker.close();
}, 300_000);

test('a worker’s database that goes away costs no subscriber a try', async () => {
  const points = await kit.subscribe({ retry: { tries: 2, firstMs: 10, longestMs: 10 } });
  kit.startWorker();
  await kit.buy();
  await expect.poll(() => points.received.length, within).toBe(1);
  await expect.poll(() => kit.waitingRows(points.id), within).toBe(0); // and it is stored that it was delivered
  await kit.pool.query('ALTER TABLE deliveries RENAME TO deliveries_away');
  const queue = openSubscriberQueue({ connection: kit.redis, name: points.name, tries: 2, onError: () => undefined });
  await queue.add([{ orderId: 'x', firstVersion: 1 }]);
  await expect.poll(async () => (await queue.counts()).delayed, within).toBe(1);
  await kit.pool.query('ALTER TABLE deliveries_away RENAME TO deliveries');
  const ids = await kit.buy(3);
  await expect.poll(() => points.ids().slice(1).toSorted(), within).toEqual(firstEvents(ids));
  await expect.poll(async () => (await queue.counts()).delayed, within).toBe(0);
  expect((await queue.counts()).dead).toBe(0);
});
