import { expect, test, vi } from 'vitest';
import type { OrderCloudEvent } from '#contract/cloud-events.ts';
import type { Answer } from './answer.ts';
import { createBatches } from './batches.ts';
import { testEvent } from './event-message.ts';

const fine: Answer = { kind: 'delivered', status: 200, says: '', excerpt: '' };
const objects: Answer = { kind: 'refused', status: 422, isContent: true, says: '', excerpt: '' };
const broken: Answer = { kind: 'refused', status: 500, isContent: false, says: '', excerpt: '' };

function order(name: string, events = 1): OrderCloudEvent[] {
  const event = testEvent(name, new Date(0));
  return Array.from({ length: events }, (_, index) => ({ ...event, id: `${name}-${index + 1}` }));
}

/** Batches of at most 4 events, and the ids of what was posted, request by request. */
function batches(answer: (ids: string[]) => Answer | Promise<Answer>, concurrency = 1, maxEvents = 4) {
  const posted: string[][] = [];
  const sender = createBatches({
    post: async (events) => {
      const ids = events.map(({ id }) => id);
      posted.push(ids);
      return answer(ids);
    },
    maxEvents,
    concurrency,
    maxWaitMs: 300, // longer than a busy machine takes to hand over what a test sends at once
  });
  return { posted, send: (...orders: OrderCloudEvent[][]) => Promise.all(orders.map((each) => sender.send(each))) };
}

test('a full batch goes at once, the rest after the wait; the events of one order stay together and in order', async () => {
  const { posted, send } = batches(() => fine);
  const sent = await send(order('a', 2), order('b'), order('c', 2), order('d'));
  expect(posted).toEqual([
    ['a-1', 'a-2', 'b-1'],
    ['c-1', 'c-2', 'd-1'],
  ]);
  expect(sent.map(({ done }) => done)).toEqual([2, 1, 2, 1]);
});

test('at most so many requests at a time; what comes meanwhile goes together', async () => {
  let open = 0;
  let most = 0;
  const { posted, send } = batches(async () => {
    open += 1;
    most = Math.max(most, open);
    await vi.waitUntil(() => true);
    open -= 1;
    return fine;
  }, 2);
  await send(...Array.from({ length: 20 }, (_, index) => order(`o${index}`)));
  expect(most).toBe(2);
  expect(posted.map((ids) => ids.length)).toEqual([4, 4, 4, 4, 4]);
});

test('a failure is everybody’s, and nobody’s event counts as taken', async () => {
  const { send } = batches(() => broken);
  expect(await send(order('a'), order('b', 2))).toEqual([
    { done: 0, failure: broken },
    { done: 0, failure: broken },
  ]);
});

test('of a batch that is objected to, only the event that is to blame fails', async () => {
  const { send, posted } = batches((ids) => (ids.includes('bad-1') ? objects : fine), 1, 16);
  const names = [...Array.from({ length: 15 }, (_, index) => `o${index}`), 'bad'];
  const sent = await send(...names.map((name) => order(name)));
  expect(sent.map(({ failure }) => failure === null)).toEqual(names.map((name) => name !== 'bad'));
  expect(posted.length).toBeLessThan(12);
});

test('a subscriber that objects to everything is not asked about each event', async () => {
  const { send, posted } = batches(() => objects, 1, 256);
  const sent = await send(...Array.from({ length: 256 }, (_, index) => order(`o${index}`)));
  expect(sent.every(({ failure }) => failure === objects)).toBe(true);
  expect(posted.length).toBeLessThan(40);
});

test('more events of one order than fit into a request go in several', async () => {
  const { send, posted } = batches(() => fine);
  expect(await send(order('a', 6))).toEqual([{ done: 4, failure: null }]);
  expect(posted).toEqual([['a-1', 'a-2', 'a-3', 'a-4']]);
});
