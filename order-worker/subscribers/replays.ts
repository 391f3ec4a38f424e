import { replayPageKey } from '#contract/subscribers.ts';
import { withDeadline } from '#runtime/deadline.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { eachSafely, type Loop, startLoop } from '#runtime/loop.ts';
import { inTransaction, type Pool } from '#runtime/postgres/connect.ts';
import type { Redis } from '#runtime/redis/connect.ts';
import type { EventHistory } from './event-history.ts';
import type { Lanes } from './lanes.ts';
import type { ReplayStore } from './replay-store.ts';
import { type ReplayedOrder, replayJobId, type SubscriberQueue } from './subscriber-queue.ts';

/** A row is locked meanwhile; queue Redis may be silent. */
const redisWithinMs = 3000;
/** Longer than any pause; a mark that is gone costs a page that is sent twice. */
const markForSeconds = 30 * 86_400;

/**
 * Sends the past again, page by page: the orders of one page are in the subscriber's queue behind everything that is
 * live, and the next page follows when none of them is left, so events of one order stay in order. Where it is stands in
 * the database. That a page was enqueued is a mark in queue Redis, written after its jobs: when a wipe or a crash took
 * jobs away, it took the mark too, and the page is enqueued again.
 */
export function startReplays(deps: {
  lanes: Lanes;
  replays: ReplayStore;
  history: Pick<EventHistory, 'page'>;
  pool: Pool;
  redis: Redis;
  logger: Logger;
  everyMs?: number;
  pageEvents?: number;
}): Loop {
  const { lanes, replays, history, pool, redis, logger, everyMs = 250, pageEvents = 500 } = deps;
  const warn = createThrottledWarn(logger);

  const step = (id: string): Promise<void> =>
    inTransaction(pool, async (client) => {
      const replay = await replays.claim(client, id);
      const lane = replay === null ? undefined : lanes.get(replay.subscriberId);
      if (replay === null || lane === undefined) return;
      const { types, name } = lane.subscriber();
      const pageOf = (afterSeq: number, toSeq: number) =>
        history.page(client, { afterSeq, toSeq, types, limit: pageEvents });

      const { orders } = await pageOf(replay.pageSeq, replay.nextSeq);
      const jobs = orders.map(({ orderId, firstVersion, lastVersion }) => ({
        replayId: id,
        orderId,
        firstVersion,
        lastVersion,
      }));
      if (!(await withDeadline(isThrough(lane.queue, replay, jobs), redisWithinMs, 'queue redis'))) return;
      const done = orders.reduce((sum, { events }) => sum + events, 0);
      const { lastSeq } = await pageOf(replay.nextSeq, replay.toSeq);
      if (lastSeq !== null) return replays.advance(client, id, done, { pageSeq: replay.nextSeq, nextSeq: lastSeq });
      await replays.finish(client, id, done);
      logger.info({ subscriber: name, replay: id, events: replay.sent + done }, 'a replay is done');
    });

  /** Whether every job of the page has ended; enqueues them when that was not done, or is lost. */
  async function isThrough(
    queue: SubscriberQueue,
    { id, nextSeq }: { id: string; nextSeq: number },
    jobs: readonly ReplayedOrder[],
  ): Promise<boolean> {
    if (jobs.length === 0) return true;
    const mark = replayPageKey(id);
    if ((await redis.get(mark)) === String(nextSeq)) return (await queue.has(jobs.map(replayJobId))).size === 0;
    await queue.addReplay(jobs);
    await redis.set(mark, nextSeq, 'EX', markForSeconds);
    return false;
  }

  return startLoop({
    name: 'replays',
    everyMs,
    logger,
    pass: async () => {
      const active = lanes.all().filter((lane) => lane.subscriber().state === 'active');
      if (active.length === 0) return 'idle';
      const ids = await replays.runningFor(active.map((lane) => lane.subscriber().id));
      await eachSafely(ids, step, (error, id) => warn(error, `replay ${id}`));
      return 'idle';
    },
  });
}
