import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { eachSafely, type Loop, startLoop } from '#runtime/loop.ts';
import type { DeliveryBacklog } from './delivery-backlog.ts';
import { waitingId } from './delivery-store.ts';
import type { Lane } from './lane.ts';
import type { Lanes } from './lanes.ts';

const pageSize = 1000;

/**
 * Finds what should be in a queue and is not: the process ended between the commit and the queue, or queue Redis was
 * wiped. Walks what waits for each subscriber page by page along its key, a page a pass, and begins again after
 * `restMs`. Any number of processes may do this: the jobId makes it idempotent.
 *
 * `onWalked` after each walk: when the oldest event in the queue happened, null when it holds none.
 */
export function startSweep(deps: {
  lanes: Lanes;
  backlog: Pick<DeliveryBacklog, 'page'>;
  logger: Logger;
  onWalked: (subscriberId: number, oldest: Date | null) => void;
  everyMs?: number;
  restMs?: number;
}): Loop {
  const { lanes, backlog, logger, onWalked, everyMs = 100, restMs = 10_000 } = deps;
  const warn = createThrottledWarn(logger);
  const walks = new Map<number, { after: string; oldest: Date | null; resumeAt: number }>();

  async function sweep(lane: Lane): Promise<void> {
    const { id, name } = lane.subscriber();
    const walk = walks.get(id) ?? { after: '', oldest: null, resumeAt: 0 };
    walks.set(id, walk);
    if (performance.now() < walk.resumeAt) return;
    const page = await backlog.page(id, walk.after, pageSize);
    const queued = page.filter(({ isQueued }) => isQueued);
    const there = await lane.queue.has(queued.map(waitingId));
    const lost = queued.filter((waiting) => !there.has(waitingId(waiting)));
    if (lost.length > 0) {
      // Some of them were delivered at this very moment: their jobs will find nothing.
      await lane.queue.add(lost);
      logger.debug({ subscriber: name, count: lost.length }, 'orders were not in the queue');
    }
    for (const { since } of queued) if (walk.oldest === null || since < walk.oldest) walk.oldest = since;
    const last = page.at(-1);
    if (page.length === pageSize && last !== undefined) {
      walk.after = last.orderId;
      return;
    }
    onWalked(id, walk.oldest);
    walks.set(id, { after: '', oldest: null, resumeAt: performance.now() + restMs });
  }

  return startLoop({
    name: 'sweeping subscribers',
    everyMs,
    logger,
    pass: async () => {
      const all = lanes.all();
      const known = new Set(all.map((lane) => lane.subscriber().id));
      for (const id of walks.keys()) if (!known.has(id)) walks.delete(id);
      await eachSafely(all, sweep, (error, lane) => warn(error, `sweeping subscriber ${lane.subscriber().name}`));
      return 'idle';
    },
  });
}
