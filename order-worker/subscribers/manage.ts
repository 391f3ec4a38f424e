import { maxSubscribers } from '#contract/subscribers.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { Redis } from '#runtime/redis/connect.ts';
import type { Answer } from './answer.ts';
import { createDeliveryBacklog } from './delivery-backlog.ts';
import { waitingId } from './delivery-store.ts';
import { createEndpoint } from './endpoint.ts';
import { createEventHistory } from './event-history.ts';
import { batchMessageOf, messageOf, testEvent } from './event-message.ts';
import { createReplayStore } from './replay-store.ts';
import { openSubscriberQueue, type QueueCounts, type SubscriberQueue } from './subscriber-queue.ts';
import { createSubscriberStore, type NewSubscriber, type Subscriber } from './subscriber-store.ts';

/** How a subscriber is doing. `backlog`: orders of which something waits for it, dead letters among them. */
export type SubscriberState = { subscriber: Subscriber; counts: QueueCounts; outside: number; backlog: number };

/** Where one order's events are on their way to a subscriber. */
export type OrderDelivery = {
  version: number;
  type: string;
  at: Date;
  state: 'delivered' | 'waiting' | 'given up on' | 'before it came' | 'not for it';
};

/** What ops do with subscribers. Works on database and queue themselves, also while no worker runs. */
export type SubscriberManager = ReturnType<typeof manageSubscribers>;

export function manageSubscribers(deps: { pool: Pool; redis: Redis; now: () => number }) {
  const { pool, redis, now } = deps;
  const store = createSubscriberStore(pool);
  const backlog = createDeliveryBacklog(pool);
  const history = createEventHistory(pool);
  const replays = createReplayStore(pool);

  async function withQueue<T>(name: string, work: (queue: SubscriberQueue) => Promise<T>): Promise<T> {
    const queue = openSubscriberQueue({
      connection: redis,
      name,
      tries: 1,
      onError: () => {}, // the call that fails rejects with it
      skipVersionCheck: true,
    });
    try {
      return await work(queue);
    } finally {
      await queue.close();
    }
  }

  return {
    find: store.find,
    list: store.list,
    change: store.change,
    pause: store.pause,
    rotateSecret: store.rotateSecret,

    async add(subscriber: NewSubscriber): Promise<'added' | 'taken' | 'too many'> {
      if ((await store.list()).length >= maxSubscribers) return 'too many';
      if (!(await store.add(subscriber))) return 'taken';
      await store.begin();
      return 'added';
    },

    async state(subscriber: Subscriber): Promise<SubscriberState> {
      const counts = await withQueue(subscriber.name, (queue) => queue.counts());
      const { orders: outside } = await backlog.unqueued(subscriber.id);
      const { waiting, active, delayed, dead } = counts;
      return { subscriber, counts, outside, backlog: waiting + active + delayed + dead + outside };
    },

    /** What waits for its next try is tried at once. False when it was not paused. */
    async resume(name: string): Promise<boolean> {
      if (!(await store.resume(name))) return false;
      await withQueue(name, (queue) => queue.retryNow());
      return true;
    },

    /** Sends a signed `order.test` event from here; nothing is stored or tried again. */
    async test(
      { url, allowInner, secrets, batchSize }: Subscriber,
      testId: string,
    ): Promise<Answer & { tookMs: number }> {
      const endpoint = createEndpoint({ url, allowInner, connections: 1 });
      try {
        const event = testEvent(testId, new Date(now()));
        const message = batchSize === 1 ? messageOf(event, secrets, now()) : batchMessageOf([event], secrets, now());
        const begunAt = performance.now();
        const answer = await endpoint.post(message.body, message.headers);
        return { ...answer, tookMs: Math.round(performance.now() - begunAt) };
      } finally {
        await endpoint.close();
      }
    },

    /** Takes a subscriber away with everything that waits for it. Ended half-way, it is finished by the next call. */
    async remove({ id, name }: Subscriber, onForgotten: (orders: number) => void): Promise<void> {
      await store.startRemoving(name);
      for (let gone = await backlog.forget(id, 5000); gone > 0; gone = await backlog.forget(id, 5000)) {
        onForgotten(gone);
      }
      await withQueue(name, (queue) => queue.obliterate());
      await store.finishRemoving(id);
    },

    /** The number of the first event from `when` on; a number is itself. */
    seqOf: (when: number | Date): Promise<number> =>
      typeof when === 'number' ? Promise.resolve(when) : history.seqAt(when),
    lastSeq: history.lastSeq,
    startReplay: (subscriberId: number, fromSeq: number, toSeq: number) =>
      replays.start(subscriberId, fromSeq, toSeq, now()),
    replays: (subscriberId: number) => replays.list(subscriberId, 5),
    stopReplays: replays.stop,

    /** One order's events, and what is known of their delivery. `job` is the try that is under way or comes next. */
    async order(subscriber: Subscriber, orderId: string) {
      const events = await history.ofOrder(orderId, 1, 1_000_000);
      const waiting = await backlog.waitingOf(subscriber.id, orderId);
      const job =
        waiting === null
          ? undefined
          : await withQueue(subscriber.name, async ({ queue }) => {
              const found = await queue.getJob(waitingId(waiting));
              if (found === undefined) return undefined;
              const state = await found.getState();
              return { id: found.id, state, tries: found.attemptsMade, history: found.stacktrace ?? [] };
            });
      const stateOf = (event: (typeof events)[number]): OrderDelivery['state'] => {
        if (subscriber.types !== null && !subscriber.types.includes(event.type)) return 'not for it';
        if (subscriber.afterSeq === null || event.seq <= subscriber.afterSeq) return 'before it came';
        if (waiting === null || event.version < waiting.nextVersion) return 'delivered';
        return job?.state === 'failed' ? 'given up on' : 'waiting';
      };
      const deliveriesOf = events.map((event) => ({
        version: event.version,
        type: event.type,
        at: event.at,
        state: stateOf(event),
      }));
      return { events: deliveriesOf satisfies OrderDelivery[], job: job ?? null };
    },
  };
}
