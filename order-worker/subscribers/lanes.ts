import { createThrottledWarn } from '#runtime/logger.ts';
import { type Loop, startLoop } from '#runtime/loop.ts';
import { type Lane, type LaneDeps, openLane } from './lane.ts';

export type Lanes = Omit<Loop, 'close'> & {
  all: () => readonly Lane[];
  get: (subscriberId: number) => Lane | undefined;
  close: () => Promise<void>;
};

/**
 * Keeps one lane for each subscriber, as the table says it: looks every second, so a new subscriber, a pause or another
 * rate reaches every process within that time. A lane that closes waits for its requests beside the others.
 */
export function keepLanes(deps: Omit<LaneDeps, 'onGone'> & { everyMs?: number }): Lanes {
  const { store, metrics, logger, everyMs = 1000 } = deps;
  const warn = createThrottledWarn(logger);
  const lanes = new Map<number, Lane>();
  const closing = new Set<Promise<void>>();

  function close(lane: Lane): void {
    const { id, name } = lane.subscriber();
    lanes.delete(id);
    metrics.forget(name);
    const closed = lane.close().catch((error: unknown) => warn(error, `closing the lane of ${name}`));
    closing.add(closed);
    void closed.finally(() => closing.delete(closed)); // cannot reject
  }

  const loop = startLoop({
    name: 'subscribers',
    everyMs,
    logger,
    pass: async () => {
      await store.begin();
      const subscribers = (await store.list()).filter(({ state }) => state !== 'removing');
      const wanted = new Set(subscribers.map(({ id }) => id));
      for (const lane of lanes.values()) if (!wanted.has(lane.subscriber().id)) close(lane);
      for (const subscriber of subscribers) {
        const lane = lanes.get(subscriber.id);
        if (lane?.update(subscriber) === true) continue;
        if (lane !== undefined) close(lane);
        const { name, state } = subscriber;
        lanes.set(subscriber.id, openLane(subscriber, { ...deps, onGone: () => loop.nudge() }));
        logger.info({ subscriber: name, state }, 'serving a subscriber');
      }
      await Promise.all([...lanes.values()].map((lane) => lane.queue.limit(lane.subscriber())));
      return 'idle';
    },
  });

  return {
    nudge: loop.nudge,
    all: () => [...lanes.values()],
    get: (subscriberId) => lanes.get(subscriberId),
    close: async () => {
      await loop.close();
      for (const lane of lanes.values()) close(lane);
      await Promise.all(closing);
    },
  };
}
