import type { OrderCloudEvent } from '#contract/cloud-events.ts';
import type { Answer } from './answer.ts';
import type { Sender, Sent } from './sender.ts';

type Item = { events: readonly OrderCloudEvent[]; at: number; settle: (sent: Sent) => void };

/**
 * Puts the events of many orders into one request: at most `maxEvents`, at most `concurrency` requests at a time, none
 * waiting for company for longer than `maxWaitMs`. Events of one order stay together, in their order.
 *
 * When a subscriber objects to what a batch holds (400, 413, 422), the batch is halved until the events that it objects
 * to stand alone, so that one of them does not take hundreds along; within a bound, for it may object to everything.
 */
export function createBatches(options: {
  post: (events: readonly OrderCloudEvent[]) => Promise<Answer>;
  maxEvents: number;
  concurrency: number;
  maxWaitMs?: number;
}): Sender {
  const { post, maxEvents, concurrency, maxWaitMs = 1000 } = options;
  let waiting: Item[] = [];
  let waitingEvents = 0;
  let running = 0;
  let timer: NodeJS.Timeout | null = null;

  function pump(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    while (running < concurrency) {
      const [oldest] = waiting;
      if (oldest === undefined) return;
      const leftMs = oldest.at + maxWaitMs - performance.now();
      if (waitingEvents < maxEvents && leftMs > 0) {
        timer = setTimeout(pump, leftMs);
        return;
      }
      running += 1;
      void deliver(take()).finally(() => {
        running -= 1;
        pump();
      }); // settles through its items
    }
  }

  /** As many of the oldest as fit into one request. */
  function take(): Item[] {
    let count = 0;
    let events = 0;
    for (const item of waiting) {
      if (count > 0 && events + item.events.length > maxEvents) break;
      events += item.events.length;
      count += 1;
    }
    const taken = waiting.slice(0, count);
    waiting = waiting.slice(count);
    waitingEvents -= events;
    return taken;
  }

  async function deliver(items: readonly Item[]): Promise<void> {
    const splits = { left: items.length < 2 ? 0 : 2 * Math.ceil(Math.log2(items.length)) };
    await attempt(items, splits);
  }

  async function attempt(items: readonly Item[], splits: { left: number }): Promise<void> {
    const answer = await post(items.flatMap(({ events }) => events));
    if (answer.kind === 'refused' && answer.isContent && items.length > 1 && splits.left > 0) {
      splits.left -= 1;
      const middle = Math.ceil(items.length / 2);
      await attempt(items.slice(0, middle), splits);
      await attempt(items.slice(middle), splits);
      return;
    }
    for (const { events, settle } of items) {
      settle(answer.kind === 'delivered' ? { done: events.length, failure: null } : { done: 0, failure: answer });
    }
  }

  return {
    send: (events) =>
      new Promise((resolve) => {
        // More of one order than fits into a request: the rest comes with the next call.
        const fitting = events.slice(0, maxEvents);
        waiting.push({ events: fitting, at: performance.now(), settle: resolve });
        waitingEvents += fitting.length;
        pump();
      }),
  };
}
