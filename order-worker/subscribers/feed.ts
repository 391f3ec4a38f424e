import { isShadowOrder } from '#contract/shadow-sale.ts';
import type { Logger } from '#runtime/logger.ts';
import { type Loop, startLoop } from '#runtime/loop.ts';
import type { OutboxEntry } from '../outbox/outbox.ts';
import type { DeliveryBacklog } from './delivery-backlog.ts';
import type { DeliveryStore } from './delivery-store.ts';
import type { Lane } from './lane.ts';
import type { Lanes } from './lanes.ts';
import type { QueueCounts } from './subscriber-queue.ts';

/** Orders that stand ready in a subscriber's queue; the rest of its backlog waits in the database, where there is room. */
const maxReady = 5000;
/** While nothing gets through, all its jobs together, those that wait for their next try and dead letters too. */
const maxWhileFailing = 10_000;
/** Whatever happens: one subscriber never fills queue Redis, where the orders of everybody pass. */
const maxOfAll = 50_000;
/** One at a time above all that, so that it is noticed when dead letters are all there is and the subscriber is well again. */
const maxProbes = 5000;
const feedAtOnce = 1000;

export function roomIn({ waiting, active, delayed, replaying, dead }: QueueCounts, isFailing: boolean): number {
  const all = waiting + active + delayed + replaying + dead;
  const bound = isFailing ? maxWhileFailing : maxOfAll;
  const probe = waiting + active + delayed === 0 && all < bound + maxProbes ? 1 : 0;
  return Math.max(probe, Math.min(maxReady - waiting, bound - all));
}

/** Between the outbox and the queues: what is new goes straight in while there is room, the rest when there is. */
export type Feed = {
  /** The outbox' consumer `subscribers`: notes events for everybody who gets them. */
  tell: (entries: readonly OutboxEntry[], client: Parameters<DeliveryStore['note']>[0]) => Promise<() => Promise<void>>;
  close: () => Promise<void>;
};

export function startFeed(deps: {
  lanes: Lanes;
  deliveries: Pick<DeliveryStore, 'note'>;
  backlog: Pick<DeliveryBacklog, 'takeUnqueued'>;
  logger: Logger;
  everyMs?: number;
}): Feed {
  const { lanes, deliveries, backlog, logger, everyMs = 500 } = deps;
  /** By subscriber, as counted at the last look, less what was added since. */
  const room = new Map<number, number>();
  const take = (id: number, count: number) => void room.set(id, Math.max(0, (room.get(id) ?? 0) - count));

  async function feed(lane: Lane): Promise<boolean> {
    const { id, state, failingSince } = lane.subscriber();
    if (state !== 'active') return false;
    const free = roomIn(await lane.queue.counts(), failingSince !== null);
    const orders = free === 0 ? [] : await backlog.takeUnqueued(id, Math.min(free, feedAtOnce));
    await lane.queue.add(orders);
    const isMore = orders.length === feedAtOnce;
    // While older ones wait outside, what is new goes behind them.
    room.set(id, isMore || orders.length >= free ? 0 : free - orders.length);
    return isMore;
  }

  const loop: Loop = startLoop({
    name: 'feeding subscribers',
    everyMs,
    logger,
    pass: async () => {
      const all = lanes.all();
      const known = new Set(all.map((lane) => lane.subscriber().id));
      for (const id of room.keys()) if (!known.has(id)) room.delete(id);
      const isMore = await Promise.all(all.map(feed));
      return isMore.includes(true) ? 'more' : 'idle';
    },
  });

  return {
    tell: async (entries, client) => {
      const open = lanes.all().filter((lane) => lane.subscriber().state === 'active');
      const roomy = open.filter((lane) => (room.get(lane.subscriber().id) ?? 0) >= entries.length);
      const seqs = entries.flatMap(({ seq, orderId }) => (isShadowOrder(orderId) ? [] : [seq]));
      if (seqs.length === 0) return async () => {};
      const noted = await deliveries.note(
        client,
        seqs,
        roomy.map((lane) => lane.subscriber().id),
      );
      for (const [id, orders] of noted) take(id, orders.length);
      // After the commit: a job that ran before would find nothing. If this is lost, the sweep enqueues them.
      return async () => {
        await Promise.all([...noted].map(([id, orders]) => lanes.get(id)?.queue.add(orders)));
      };
    },
    close: loop.close,
  };
}
