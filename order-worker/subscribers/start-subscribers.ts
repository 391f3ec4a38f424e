import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { startLoop } from '#runtime/loop.ts';
import type { Registry } from '#runtime/metrics.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { Redis } from '#runtime/redis/connect.ts';
import { createDetailsStore } from '../details/details-store.ts';
import type { Seal } from '../details/seal.ts';
import { startOutbox } from '../outbox/outbox.ts';
import { createDeliveryBacklog } from './delivery-backlog.ts';
import { createDeliveryStore } from './delivery-store.ts';
import { createEventHistory } from './event-history.ts';
import { startFeed } from './feed.ts';
import { keepLanes } from './lanes.ts';
import { createSubscriberMetrics } from './metrics.ts';
import { createReplayStore } from './replay-store.ts';
import { startReplays } from './replays.ts';
import { createSubscriberStore } from './subscriber-store.ts';
import { startSweep } from './sweep.ts';

export type Subscribers = { close: () => Promise<void> };

/**
 * Everything that tells subscribers about orders, in this process. It has a pool of its own, so that it never keeps a
 * connection that an order needs. Any number of processes may run it.
 */
export function startSubscribers(deps: {
  pool: Pool;
  connection: Redis;
  /** Opens contact and address for subscribers that are entitled to them; null without a key. */
  seal: Seal | null;
  registry: Registry;
  logger: Logger;
  now: () => number;
  random: () => number;
  /** How long the sweep rests between two walks, and how many events a page of a replay holds: smaller in tests. */
  sweepRestMs?: number;
  replayPageEvents?: number;
}): Subscribers {
  const { pool, connection, seal, registry, logger, now, random, sweepRestMs = 10_000, replayPageEvents = 500 } = deps;
  const store = createSubscriberStore(pool);
  const deliveries = createDeliveryStore(pool);
  const backlog = createDeliveryBacklog(pool);
  const history = createEventHistory(pool);
  const replays = createReplayStore(pool);
  const metrics = createSubscriberMetrics(registry);
  const warn = createThrottledWarn(logger);

  const lanes = keepLanes({
    connection,
    deliveries,
    history,
    store,
    details: createDetailsStore({ pool, seal }).of,
    metrics,
    logger,
    now,
    random,
    onReplayFailed: replays.failed,
  });
  const feed = startFeed({ lanes, deliveries, backlog, logger });
  const outbox = startOutbox({
    consumer: 'subscribers',
    inTurn: true,
    when: () => lanes.all().length > 0,
    pool,
    logger,
    tell: feed.tell,
  });
  const oldestInQueue = new Map<number, Date | null>();
  const sweep = startSweep({
    lanes,
    backlog,
    logger,
    restMs: sweepRestMs,
    onWalked: (id, oldest) => oldestInQueue.set(id, oldest),
  });
  const replaying = startReplays({
    lanes,
    replays,
    history,
    pool,
    redis: connection,
    logger,
    pageEvents: replayPageEvents,
  });

  const gauges = startLoop({
    name: 'gauges of subscribers',
    everyMs: 5000,
    logger,
    pass: async () => {
      for (const lane of lanes.all()) {
        lane.look();
        const { id, name, state, failingSince } = lane.subscriber();
        const [counts, outside] = await Promise.all([lane.queue.counts(), backlog.unqueued(id)]);
        const times = [oldestInQueue.get(id), outside.since].flatMap((at) => at?.getTime() ?? []);
        metrics.state(name, {
          backlog: counts.waiting + counts.active + counts.delayed + counts.dead + outside.orders,
          oldest: times.length === 0 ? 0 : Math.max(0, now() - Math.min(...times)) / 1000,
          dead: counts.dead,
          paused: state === 'paused' ? 1 : 0,
          failing: failingSince === null || state === 'paused' ? 0 : 1,
        });
      }
      return 'idle';
    },
  });

  return {
    close: async () => {
      const results = await Promise.allSettled([outbox, sweep, replaying, gauges, feed].map((part) => part.close()));
      for (const result of results) if (result.status === 'rejected') warn(result.reason, 'closing');
      await lanes.close();
    },
  };
}
