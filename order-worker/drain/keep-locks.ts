import type { createThrottledWarn, Logger } from '#runtime/logger.ts';
import type { OrderQueue } from './order-queue.ts';
import type { TakenJob } from './taken-job.ts';

const everyMs = 2000;

/** Keeps the locks of the jobs that a worker has; one whose lock had run out is another worker's, and is let go. */
export function keepLocks(deps: {
  orderQueue: Pick<OrderQueue, 'extendLocks'>;
  taken: Set<TakenJob>;
  logger: Logger;
  warn: ReturnType<typeof createThrottledWarn>;
}): { close: () => void } {
  const { orderQueue, taken, logger, warn } = deps;
  let isExtending = false;

  async function extend(): Promise<void> {
    const kept = [...taken];
    const lost = new Set(await orderQueue.extendLocks(kept.map(({ jobId }) => jobId)));
    const gone = lost.size === 0 ? [] : kept.filter(({ jobId, isEnded }) => lost.has(jobId) && !isEnded);
    for (const job of gone) {
      job.isLost = true;
      taken.delete(job);
    }
    if (gone.length > 0) logger.warn({ jobs: gone.length }, 'jobs are left to other workers: their locks had run out');
  }

  const timer = setInterval(() => {
    if (isExtending) return; // while queue Redis is away each would wait for it
    isExtending = true;
    extend()
      .catch((error: unknown) => warn(error, 'keeping the locks'))
      .finally(() => {
        isExtending = false;
      });
  }, everyMs);
  return { close: () => clearInterval(timer) };
}
