import type { Job, Queue } from 'bullmq';
import { parseChunkId } from '#contract/order-chunk.ts';
import type { Logger } from '#runtime/logger.ts';
import { type Loop, startLoop } from '#runtime/loop.ts';

/** Failed jobs that are looked at in one pass; the next pass goes on behind them. */
const page = 500;

/**
 * Puts failed chunks back into the queue. A chunk never fails for good here, but a worker of the version before chunks cannot
 * read one and gives it up.
 */
export function startRetryingChunks(deps: { queue: Queue; logger: Logger; everyMs?: number }): Loop {
  const { queue, logger, everyMs = 5000 } = deps;
  let from = 0;
  return startLoop({
    name: 'failed chunks',
    everyMs,
    logger,
    pass: async () => {
      const ids = await queue.getRanges(['failed'], from, from + page - 1, true);
      const chunks = ids.filter((id) => parseChunkId(id) !== null);
      let retried = 0;
      for (const id of chunks) if (await retry(await queue.getJob(id))) retried += 1;
      from = ids.length < page ? 0 : from + page - chunks.length;
      if (retried > 0) logger.warn({ chunks: retried }, 'chunks that an older worker gave up are tried again');
      return 'idle';
    },
  });
}

/** False when it is failed no more: another worker was quicker. */
async function retry(job: Job | undefined): Promise<boolean> {
  if (job === undefined) return false;
  try {
    await job.retry('failed', { resetAttemptsMade: true });
    return true;
  } catch (error) {
    if (await job.isFailed()) throw error;
    return false;
  }
}
