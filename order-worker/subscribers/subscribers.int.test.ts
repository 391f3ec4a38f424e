import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { cloudEventSchema, eventIdOf, type SentEventType } from '#contract/cloud-events.ts';
import { shadowSalePrefix } from '#contract/shadow-sale.ts';
import { heldReply, replyWith } from '#lab/kits/receiver.ts';
import { startSubscriberKit } from '#lab/kits/subscribers.ts';
import { redisText } from '#lab/servers/redis-text.ts';
import { openSubscriberQueue } from './subscriber-queue.ts';

vi.setConfig({ testTimeout: 180_000 });

const kit = await startSubscriberKit();
const within = { timeout: 45_000, interval: 20 };

afterAll(() => kit.closeAll());
beforeEach(() => kit.openSale());
afterEach(() => kit.clear());

test('every event of an order arrives once, in order, signed, as the schema says', async () => {
  const points = await kit.subscribe();
  kit.startWorker();
  const [orderId = ''] = await kit.buy();
  await kit.move([orderId], 'awaiting_payment', 'paid');
  await kit.move([orderId], 'paid', 'refunding');
  await kit.move([orderId], 'refunding', 'refunded');
  await expect.poll(points.ids, within).toEqual([1, 2, 3, 4].map((version) => eventIdOf(orderId, version)));
  await expect.poll(() => kit.waitingRows(points.id), within).toBe(0);
  for (const { isGenuine, headers, body, events } of points.received) {
    expect(isGenuine).toBe(true);
    expect(headers.get('content-type')).toBe('application/cloudevents+json');
    expect(headers.get('webhook-id')).toBe(events[0]?.id);
    const event = JSON.parse(body) as { type: SentEventType };
    expect(cloudEventSchema(event.type).strict().safeParse(event).error).toBeUndefined();
  }
  expect(points.received.map(({ events }) => events[0]?.type)).toEqual([
    'order.created',
    'order.paid',
    'order.refunding',
    'order.refunded',
  ]);
});

test('contact and address go to a subscriber that is entitled to them alone, once the order is paid, and are kept on no way there (I10)', async () => {
  const name = `Unmistakable-${crypto.randomUUID()}`;
  const refuse = replyWith(302, { location: `https://elsewhere.example/?${name}` }, name);
  const warehouse = await kit.subscribe({
    personal: true,
    reply: refuse,
    retry: { tries: 20, firstMs: 20, longestMs: 40 },
  });
  const batched = await kit.subscribe({ personal: true, batchSize: 10 });
  const points = await kit.subscribe();
  kit.startWorker();
  const [orderId = '', erased = ''] = await kit.buy(2);
  for (const id of [orderId, erased]) await kit.details.give(id, { name }, 1);
  await kit.pool.query('DELETE FROM order_details WHERE order_id = $1', [erased]);
  await kit.move([orderId, erased], 'awaiting_payment', 'paid');
  const saidOf = ({ received }: typeof points, id: string) =>
    new Map(
      received.flatMap(({ events }) =>
        events.filter(({ data }) => data.orderId === id).map(({ type, data }) => [type, Reflect.get(data, 'personal')]),
      ),
    );
  await expect.poll(() => saidOf(batched, orderId).get('order.paid'), within).toEqual({ name });
  await expect.poll(() => warehouse.received.length, within).toBeGreaterThan(0);
  // While it is being refused: what is kept of the tries has nothing of it.
  const { rows } = await kit.pool.query('SELECT * FROM subscribers');
  expect(JSON.stringify(rows)).not.toContain(name);
  const held = await redisText(kit.redis);
  expect([held.includes(orderId), held.includes(name)]).toEqual([true, false]);
  warehouse.reply(replyWith(204));
  await expect.poll(() => saidOf(warehouse, orderId).get('order.paid'), within).toEqual({ name });
  expect(saidOf(batched, orderId)).toEqual(
    new Map([
      ['order.created', undefined],
      ['order.paid', { name }],
    ]),
  );
  await expect
    .poll(() => saidOf(batched, erased), within)
    .toEqual(
      new Map([
        ['order.created', undefined],
        ['order.paid', undefined],
      ]),
    );
  await expect.poll(() => saidOf(points, orderId).has('order.paid'), within).toBe(true);
  expect(JSON.stringify(points.received)).not.toContain(name);
  const event = batched.received.flatMap(({ events }) => events).find((each) => Reflect.has(each.data, 'personal'));
  expect(cloudEventSchema('order.paid').strict().safeParse(event).error).toBeUndefined();
});

test('nobody is told of a shadow sale, not by a replay either: what is rehearsed is not delivered', async () => {
  const before = await kit.history.lastSeq();
  const warehouse = await kit.subscribe();
  kit.startWorker();
  const real = await kit.buy(2);
  await kit.openSale(10, { saleId: `${shadowSalePrefix}${crypto.randomUUID().slice(0, 8)}` });
  await kit.buy(2);
  await kit.openSale();
  const later = await kit.buy();
  // The outbox is told in its order: whoever has heard of the last one was told of everything before.
  await expect.poll(() => warehouse.received.length, within).toBe(3);
  await expect.poll(() => kit.waitingRows(warehouse.id), within).toBe(0);
  const expected = [...real, ...later].map((orderId) => eventIdOf(orderId, 1));
  expect(warehouse.ids().toSorted()).toEqual(expected.toSorted());
  await kit.replays.start(warehouse.id, before + 1, await kit.history.lastSeq(), Date.now());
  await expect.poll(async () => (await kit.replays.list(warehouse.id, 1))[0]?.state, within).toBe('done');
  expect(warehouse.ids().toSorted()).toEqual([...expected, ...expected].toSorted());
});

test('events of one order keep their order while its first one is refused, and other orders go on', async () => {
  let refuse = '';
  const points = await kit.subscribe({
    retry: { tries: 100, firstMs: 30, longestMs: 1000 }, // it must not be given up on while we look
    reply: ({ events }, response) => void response.writeHead(events[0]?.data.orderId === refuse ? 500 : 204).end(),
  });
  const [slow = ''] = await kit.buy();
  refuse = slow;
  kit.startWorker();
  await expect.poll(() => points.received.length, within).toBeGreaterThan(1);
  await kit.move([slow], 'awaiting_payment', 'paid');
  const others = await kit.buy(20);
  const taken = () => points.ids().filter((id) => !id.startsWith(slow));
  await expect.poll(() => taken().length, within).toBe(others.length);
  expect(points.ids()).not.toContain(eventIdOf(slow, 2));
  refuse = '';
  await expect.poll(points.ids, within).toContain(eventIdOf(slow, 2));
  const mine = points.ids().filter((id) => id.startsWith(slow));
  expect(mine.slice(0, -2).every((id) => id === eventIdOf(slow, 1))).toBe(true);
  expect(mine.slice(-2)).toEqual([1, 2].map((version) => eventIdOf(slow, version)));
});

test('a late subscriber gets exactly what happens after it came, whatever the order was before', async () => {
  const [old = ''] = await kit.buy();
  const late = await kit.subscribe();
  kit.startWorker();
  const [young = ''] = await kit.buy();
  await kit.move([old, young], 'awaiting_payment', 'paid');
  await expect
    .poll(() => late.ids().toSorted(), within)
    .toEqual([eventIdOf(old, 2), eventIdOf(young, 1), eventIdOf(young, 2)].toSorted());
  await expect.poll(() => kit.waitingRows(late.id), within).toBe(0);
});

test('a subscriber that comes while orders are stored misses none that is stored afterwards', async () => {
  kit.startWorker();
  const stored: { orderId: string; seq: number }[] = [];
  let isOver = false;
  const buying = (async () => {
    while (!isOver) await kit.buy(20);
  })();
  await expect
    .poll(async () => (await kit.pool.query('SELECT FROM order_events')).rowCount, within)
    .toBeGreaterThan(100);
  const late = await kit.subscribe({ batchSize: 100 });
  const afterSeq = (await kit.store.find(late.name))?.afterSeq ?? 0;
  await kit.buy(20);
  isOver = true;
  await buying;
  const { rows } = await kit.pool.query('SELECT order_id AS "orderId", seq FROM order_events WHERE seq > $1', [
    afterSeq,
  ]);
  stored.push(...rows);
  expect(stored.length).toBeGreaterThan(20);
  await expect.poll(() => late.ids().length, within).toBe(stored.length);
  expect(late.ids().toSorted()).toEqual(stored.map(({ orderId }) => eventIdOf(orderId, 1)).toSorted());
});

test('a subscriber hears only of the types that it asked for', async () => {
  const warehouse = await kit.subscribe({ types: ['order.paid', 'order.refunded'] });
  kit.startWorker();
  const [paid = '', expired = ''] = await kit.buy(2);
  await kit.move([expired], 'awaiting_payment', 'expired');
  await kit.move([paid], 'awaiting_payment', 'paid');
  await kit.move([paid], 'paid', 'refunding');
  await kit.move([paid], 'refunding', 'refunded');
  await expect.poll(warehouse.ids, within).toEqual([eventIdOf(paid, 2), eventIdOf(paid, 4)]);
  await expect.poll(() => kit.waitingRows(warehouse.id), within).toBe(0);
});

test('a batch subscriber gets hundreds at a time, all events of one order in order', async () => {
  const { reply, open } = heldReply();
  const data = await kit.subscribe({ batchSize: 500, concurrency: 2, reply });
  const ids = await kit.buy(1000);
  kit.startWorker();
  await kit.move(ids.slice(0, 100), 'awaiting_payment', 'paid');
  // Nothing is answered before a large batch was sent, or is ready to be: a slow machine fills few in their second.
  const { queue } = queueOf(data.name);
  const sizes = () => data.received.map(({ events }) => events.length);
  await expect
    .poll(async () => Math.max((await queue.getActiveCount()) - data.ids().length, ...sizes()), within)
    .toBeGreaterThan(250);
  open();
  await expect.poll(() => data.ids().length, within).toBe(1100);
  expect(new Set(data.ids()).size).toBe(1100);
  for (const { headers, events, isGenuine } of data.received) {
    expect(isGenuine).toBe(true);
    expect(headers.get('content-type')).toBe('application/cloudevents-batch+json');
    expect(events.length).toBeLessThanOrEqual(500);
  }
  expect(data.received.length).toBeLessThan(20);
  expect(Math.max(...sizes())).toBeGreaterThan(200);
  for (const orderId of ids.slice(0, 100)) {
    const seen = data.ids().filter((id) => id.startsWith(orderId));
    expect(seen).toEqual([1, 2].map((version) => eventIdOf(orderId, version)));
  }
});

test('what is refused on every try becomes a dead letter that keeps a line of each try; retried, it goes on in order', async () => {
  const points = await kit.subscribe({ reply: replyWith(500) });
  kit.startWorker();
  const [orderId = ''] = await kit.buy();
  const { queue } = queueOf(points.name);
  await expect.poll(() => queue.getFailedCount(), within).toBe(1);
  expect(points.received).toHaveLength(3);
  const [dead] = await queue.getFailed();
  expect(dead?.failedReason).toBe('answered 500');
  expect(dead?.stacktrace?.map((line) => line.replace(/^\S+ /, ''))).toEqual(Array(3).fill('answered 500'));
  await kit.move([orderId], 'awaiting_payment', 'paid');
  points.reply(replyWith(204));
  await dead?.retry('failed');
  await expect.poll(() => points.ids().slice(3), within).toEqual([1, 2].map((version) => eventIdOf(orderId, version)));
  await expect.poll(() => kit.waitingRows(points.id), within).toBe(0);
});

test('410 pauses the subscriber and says so; what happens meanwhile is kept, and delivered after a resume', async () => {
  // The next try is far away: every process has heard of the pause by then.
  const retry = { tries: 9, firstMs: 3000, longestMs: 3000 };
  const coupons = await kit.subscribe({ reply: replyWith(410), concurrency: 1, retry });
  kit.startWorker();
  const first = await kit.buy();
  await expect.poll(async () => (await kit.store.find(coupons.name))?.state, within).toBe('paused');
  expect((await kit.store.find(coupons.name))?.pausedWhy).toBe('answered 410 Gone');
  const asked = coupons.received.length;
  const second = await kit.buy(3);
  await expect.poll(() => kit.waitingRows(coupons.id), within).toBe(4);
  expect(coupons.received.length).toBeLessThanOrEqual(asked + 1);
  coupons.reply(replyWith(204));
  const before = coupons.received.length;
  await kit.store.resume(coupons.name);
  await expect
    .poll(() => coupons.ids().slice(before).toSorted(), within)
    .toEqual([...first, ...second].map((orderId) => eventIdOf(orderId, 1)).toSorted());
});

test('Retry-After is obeyed for everything of that subscriber, within the longest wait', async () => {
  const times: number[] = [];
  let isBusy = true;
  const busy = await kit.subscribe({
    concurrency: 1,
    retry: { tries: 5, firstMs: 10, longestMs: 3000 },
    reply: (_one, response) => {
      times.push(performance.now());
      response.writeHead(isBusy ? 429 : 204, isBusy ? { 'retry-after': '2' } : {}).end();
      isBusy = false;
    },
  });
  kit.startWorker();
  await kit.buy(5);
  await expect.poll(() => new Set(busy.ids()).size, within).toBe(5);
  const [first = 0, second = 0] = times;
  expect(second - first).toBeGreaterThan(1900);
});

test('two workers share the work, each event once, and never more requests at a time than the subscriber takes', async () => {
  const held: ServerResponse[] = [];
  const answerAll = () => {
    for (const response of held.splice(0)) response.writeHead(204).end();
  };
  let isAnswering = false;
  const points = await kit.subscribe({
    concurrency: 3,
    reply: (_one, response) => {
      held.push(response);
      if (isAnswering && held.length === 3) answerAll();
    },
  });
  kit.startWorker();
  kit.startWorker();
  const ids = await kit.buy(300);
  await expect.poll(points.maxOpen, within).toBeGreaterThanOrEqual(3);
  const { queue } = queueOf(points.name);
  await expect.poll(async () => (await queue.getWaitingCount()) + points.received.length, within).toBe(300);
  expect(points.maxOpen()).toBe(3); // all the others could be sent by now, and are not
  isAnswering = true; // from here on three at a time, each when the third has come
  answerAll();
  await expect.poll(() => points.ids().length, within).toBe(300);
  expect(points.ids().toSorted()).toEqual(ids.map((orderId) => eventIdOf(orderId, 1)).toSorted());
  expect(points.maxOpen()).toBeLessThanOrEqual(3);
});

test('a rate is never exceeded, over all workers', async () => {
  const times: number[] = [];
  const slow = await kit.subscribe({
    ratePerSecond: 50,
    reply: (_one, response) => {
      times.push(performance.now());
      response.writeHead(204).end();
    },
  });
  kit.startWorker();
  kit.startWorker();
  await kit.buy(150);
  await expect.poll(() => slow.received.length, within).toBe(150);
  const [first = 0] = times;
  const seconds = ((times.at(-1) ?? 0) - first) / 1000;
  // Those in hand when the first one arrives, ten requests and one slice of five, were let through before.
  expect((150 - 15) / seconds).toBeLessThan(55);
});

test('a new secret signs beside the old one until the grace is over', async () => {
  const points = await kit.subscribe();
  await kit.store.rotateSecret(points.name, 'whsec_bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3', 60_000);
  kit.startWorker();
  await kit.buy();
  await expect.poll(() => points.received.length, within).toBe(1);
  expect(points.received[0]?.isGenuine).toBe(true); // by the old secret
  expect(points.received[0]?.headers.get('webhook-signature')).toMatch(/^v1,\S+ v1,\S+$/);
  expect((await kit.store.find(points.name))?.secrets).toHaveLength(2);
  await kit.pool.query("UPDATE subscribers SET old_secret_until = now() - interval '1 second'");
  expect((await kit.store.find(points.name))?.secrets).toHaveLength(1);
});

function queueOf(name: string) {
  return openSubscriberQueue({ connection: kit.redis, name, tries: 1, onError: () => undefined });
}

test('a last subscriber that is half taken away is told nothing more, and leaves nothing behind', async () => {
  const points = await kit.subscribe();
  const outbox = async () => (await kit.pool.query("SELECT FROM outbox WHERE consumer = 'subscribers'")).rowCount;
  await kit.buy(2); // nobody has taken these out when it goes
  expect(await outbox()).toBe(2);
  await kit.store.startRemoving(points.name);
  await kit.buy(3);
  expect(await outbox()).toBe(2);
  await kit.store.finishRemoving(points.id);
  expect(await outbox()).toBe(0);
});
