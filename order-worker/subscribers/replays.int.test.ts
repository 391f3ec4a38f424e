import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { eventIdOf } from '#contract/cloud-events.ts';
import { heldReply, replyWith } from '#lab/kits/receiver.ts';
import { startSubscriberKit } from '#lab/kits/subscribers.ts';
import { openSubscriberQueue } from './subscriber-queue.ts';

vi.setConfig({ testTimeout: 180_000 });

const kit = await startSubscriberKit();
const within = { timeout: 45_000, interval: 20 };

afterAll(() => kit.closeAll());
beforeEach(() => kit.openSale());
afterEach(() => kit.clear());

const newest = () => kit.history.lastSeq();
const newestReplay = async (id: number) => (await kit.replays.list(id, 1))[0];

test('a replay sends exactly the events of its range again, marked, those of one order in order', async () => {
  const before = await newest();
  const old = await kit.buy(70);
  await kit.move(old.slice(0, 30), 'awaiting_payment', 'paid');
  const upTo = await newest();
  const points = await kit.subscribe({ batchSize: 20 });
  await kit.buy(5);
  kit.startWorker();
  await expect.poll(() => points.ids().length, within).toBe(5); // live; what was before it came is not sent
  const replay = await kit.replays.start(points.id, before + 1, upTo, Date.now());
  await expect.poll(async () => (await newestReplay(points.id))?.state, within).toBe('done');
  expect(await newestReplay(points.id)).toMatchObject({ id: replay.id, sent: 100, failed: 0 });
  const replayed = points.received.flatMap(({ events }) => events).filter((event) => event.replay === replay.id);
  const expected = [
    ...old.map((orderId) => eventIdOf(orderId, 1)),
    ...old.slice(0, 30).map((orderId) => eventIdOf(orderId, 2)),
  ];
  expect(replayed.map(({ id }) => id).toSorted()).toEqual(expected.toSorted());
  expect(points.ids()).toHaveLength(105);
  for (const orderId of old.slice(0, 30)) {
    const versions = replayed.filter(({ data }) => data.orderId === orderId).map(({ data }) => data.version);
    expect(versions).toEqual([1, 2]);
  }
});

test('what happens while a replay runs is delivered before the rest of it', async () => {
  const before = await newest();
  const old = await kit.buy(60);
  const { reply, open } = heldReply();
  const points = await kit.subscribe({ concurrency: 1, reply });
  kit.startWorker();
  await kit.replays.start(points.id, before + 1, await newest(), Date.now());
  await expect.poll(() => points.received.length, within).toBeGreaterThan(0);
  const [live = ''] = await kit.buy();
  const queue = openSubscriberQueue({ connection: kit.redis, name: points.name, tries: 1, onError: () => undefined });
  await expect.poll(async () => (await queue.counts()).waiting, within).toBe(1);
  open();
  await expect.poll(points.ids, within).toContain(eventIdOf(live, 1));
  expect(points.ids().indexOf(eventIdOf(live, 1))).toBeLessThan(old.length);
  await expect.poll(async () => (await newestReplay(points.id))?.state, within).toBe('done');
  expect(new Set(points.ids()).size).toBe(61); // what was held for long may have come twice
});

test('a replay goes on where it was after its worker and the queue are gone', async () => {
  const before = await newest();
  const old = await kit.buy(160);
  const points = await kit.subscribe({ batchSize: 20 });
  const worker = kit.startWorker();
  const { id } = await kit.replays.start(points.id, before + 1, await newest(), Date.now());
  await expect.poll(async () => (await newestReplay(points.id))?.nextSeq ?? 0, within).toBeGreaterThan(before + 1);
  await worker.close();
  await kit.redis.flushall();
  expect((await newestReplay(points.id))?.state).toBe('running');
  kit.startWorker();
  await expect.poll(async () => (await newestReplay(points.id))?.state, within).toBe('done');
  const replayed = points.received.flatMap(({ events }) => events).filter((event) => event.replay === id);
  expect(new Set(replayed.map((event) => event.id))).toEqual(new Set(old.map((orderId) => eventIdOf(orderId, 1))));
});

test('what a subscriber refuses of a replay is counted and does not hold up the rest', async () => {
  const before = await newest();
  const [bad = ''] = await kit.buy(20);
  const points = await kit.subscribe({
    reply: ({ events }, response, request) =>
      replyWith(events[0]?.data.orderId === bad ? 422 : 204)(
        { headers: new Headers(), body: '', isGenuine: true, events },
        response,
        request,
      ),
  });
  kit.startWorker();
  await kit.replays.start(points.id, before + 1, await newest(), Date.now());
  await expect.poll(async () => (await newestReplay(points.id))?.state, within).toBe('done');
  await expect.poll(async () => (await newestReplay(points.id))?.failed, within).toBe(1);
});

test('a replay that is stopped sends no further page', async () => {
  const before = await newest();
  await kit.buy(150);
  const { reply, open } = heldReply();
  const points = await kit.subscribe({ concurrency: 1, reply });
  kit.startWorker();
  await kit.replays.start(points.id, before + 1, await newest(), Date.now());
  await expect.poll(() => points.received.length, within).toBeGreaterThan(0);
  expect(await kit.replays.stop(points.id)).toBe(1);
  const { nextSeq = 0 } = (await newestReplay(points.id)) ?? {};
  open();
  await expect.poll(() => new Set(points.ids()).size, within).toBe(nextSeq - before);
  expect((await newestReplay(points.id))?.nextSeq).toBe(nextSeq);
  expect(nextSeq - before).toBeLessThan(150);
});

test('the first event at a time is found by halving, never one later than that', async () => {
  await kit.buy(30);
  const { rows } = await kit.pool.query<{ seq: number; created_at: Date }>('SELECT seq, created_at FROM order_events');
  for (const { seq, created_at } of rows.slice(-30)) {
    expect(await kit.history.seqAt(created_at)).toBeLessThanOrEqual(seq);
  }
  expect(await kit.history.seqAt(new Date(0))).toBe(1);
  expect(await kit.history.seqAt(new Date(Date.now() + 3_600_000))).toBe((await newest()) + 1);
});
