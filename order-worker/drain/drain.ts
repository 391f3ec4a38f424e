import type { DrainSettings } from '#contract/drain.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import type { Tracing } from '#runtime/tracing.ts';
import type { CommitBatch } from './commit-batch.ts';
import type { OrderJob, OrderQueue } from './order-queue.ts';
import type { Pacer } from './pacer.ts';
import type { DrainSettingsWatch } from './settings.ts';
import { createStoreJobs, type OnDone } from './store-jobs.ts';

export type Drain = {
  /** Jobs that were taken off the queue and are not finished. */
  inFlight: () => number;
  /** The settings changed: look at once. */
  nudge: () => void;
  close: () => Promise<void>;
};

const batchSize = 200;
/** Uncapped: one batch in PostgreSQL, one on its way there, one on its way out of the queue. */
const maxInFlight = 3 * batchSize;
/** Between two looks at the queue, so that orders gather to a batch. */
const restMs = 20;
const renewLocksMs = 2000;

/**
 * Takes orders off the queue at the set rate and stores them in batches, several at a time. A job that runs twice
 * (stalled, retried) finds its row and is done. While what it stores in is away its batches wait, and nothing more is
 * taken.
 */
export function startDrain(deps: {
  orderQueue: OrderQueue;
  settings: Pick<DrainSettingsWatch, 'last' | 'isFresh'>;
  pacer: Pacer;
  commitBatch: CommitBatch;
  logger: Logger;
  onDone: OnDone;
  tracing?: Pick<Tracing, 'record'> | null;
}): Drain {
  const { orderQueue, settings, pacer, commitBatch, logger, onDone, tracing = null } = deps;
  const warn = createThrottledWarn(logger);
  const batches = new Set<Promise<void>>();
  const inFlight = new Set<string>();
  let unstored = 0;
  let isClosing = false;
  let isFull = false;
  let wake = () => {};
  const isEnding = () => isClosing;
  const store = createStoreJobs({ orderQueue, pacer, commitBatch, logger, warn, onDone, tracing, isEnding });

  const rest = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  /**
   * How many more may be under way. Capped: a tenth of a second more than the usual time in PostgreSQL needs, for so much
   * may come late, all at once. Uncapped: whole batches.
   */
  function room(): number {
    const rate = settings.last()?.ratePerSecond ?? null;
    const left = maxInFlight - inFlight.size;
    if (rate === null) return left < batchSize ? 0 : left;
    const seconds = 0.1 + pacer.state().usualMs / 1000;
    return Math.min(left, Math.ceil(rate * seconds) - unstored);
  }

  async function take(): Promise<number> {
    const free = room();
    isFull = free < 1;
    const most = Math.min(batchSize, free, pacer.allowance());
    if (most < 1) return restMs;
    const known: DrainSettings | null = settings.isFresh() ? settings.last() : null;
    let fetched = await orderQueue.fetch(most, known);
    // Nobody has told queue Redis since it was wiped: what this worker heard last counts.
    if (fetched.kind === 'unknown' && settings.last() !== null) fetched = await orderQueue.fetch(most, settings.last());
    if (fetched.kind === 'unknown') {
      warn(new Error('ZooKeeper has not told the drain rate, nor has another worker'), 'the drain waits');
      return 200;
    }
    if (fetched.kind === 'paused') return 500;
    const { jobs, isDry, waitMs } = fetched;
    pacer.took(jobs.length);
    if (jobs.length > 0) {
      const batch = handle(jobs).catch((error: unknown) => warn(error, 'a batch of orders'));
      batches.add(batch);
      void batch.finally(() => {
        batches.delete(batch);
        if (isFull) wake();
      });
    }
    return isDry || jobs.length < batchSize ? Math.max(restMs, waitMs) : 0;
  }

  async function handle(jobs: readonly OrderJob[]): Promise<void> {
    for (const { jobId } of jobs) inFlight.add(jobId);
    unstored += jobs.length;
    try {
      const stored = await store(jobs).finally(() => {
        unstored -= jobs.length;
      });
      // When this fails the orders are stored all the same: their locks run out, and they are found to be.
      const lost = await orderQueue.finish(stored);
      if (lost > 0) logger.warn({ jobs: lost }, 'jobs ran here and elsewhere: their locks had run out');
    } finally {
      for (const { jobId } of jobs) inFlight.delete(jobId);
    }
  }

  async function run(): Promise<void> {
    while (!isClosing) {
      const ms = await take().catch((error: unknown) => {
        warn(error, 'taking orders off the queue');
        return 500;
      });
      if (ms > 0 && !isClosing) await rest(ms);
    }
  }

  let isExtending = false;
  const locks = setInterval(() => {
    if (isExtending) return; // while queue Redis is away each would wait for it
    isExtending = true;
    orderQueue
      .extendLocks([...inFlight])
      .catch((error: unknown) => warn(error, 'keeping the locks'))
      .finally(() => {
        isExtending = false;
      });
  }, renewLocksMs);
  const running = run();

  return {
    inFlight: () => inFlight.size,
    nudge: () => wake(),
    close: async () => {
      isClosing = true;
      wake();
      await running;
      await Promise.all(batches);
      clearInterval(locks);
    },
  };
}
