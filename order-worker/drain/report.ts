import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { type DrainReport, drainKeys, drainReportSchema } from '#contract/drain.ts';
import type { Logger } from '#runtime/logger.ts';
import { type Loop, startLoop } from '#runtime/loop.ts';
import { type Backlog, readBacklog } from './backlog.ts';

/** Reports of workers that are gone for this long are removed. */
const forgetAfterMs = 60_000;

/** Tells once a second how this worker's drain is doing: to `onBacklog`, and to whoever reads the reports. */
export function startReport(deps: {
  redis: Redis;
  queue: Queue;
  logger: Logger;
  now: () => number;
  report: () => Omit<DrainReport, 'at'>;
  onBacklog: (backlog: Backlog) => void;
}): Loop {
  const { redis, queue, logger, now, report, onBacklog } = deps;
  return startLoop({
    name: 'drain report',
    everyMs: 1000,
    logger,
    pass: async () => {
      const mine: DrainReport = { ...report(), at: now() };
      await redis.hset(drainKeys.reports, mine.worker, JSON.stringify(mine));
      onBacklog(await readBacklog(queue));
      for (const [worker, text] of Object.entries(await redis.hgetall(drainKeys.reports))) {
        if (now() - reportedAt(text) > forgetAfterMs) await redis.hdel(drainKeys.reports, worker);
      }
      return 'idle';
    },
  });
}

function reportedAt(text: string): number {
  try {
    return drainReportSchema.parse(JSON.parse(text)).at;
  } catch {
    return 0; // not ours to keep
  }
}
