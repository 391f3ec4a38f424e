import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import type { Tracing } from '#runtime/tracing.ts';
import type { OrderStore } from '../orders/order-store.ts';
import type { HandedOut, RateSettings, SharedRate } from '../rate/rate.ts';
import type { CommitBatch } from './commit-batch.ts';
import { createEndJob } from './end-job.ts';
import { createHand } from './hand.ts';
import type { OrderQueue } from './order-queue.ts';
import type { Pacer } from './pacer.ts';
import type { DrainSettingsWatch } from './settings.ts';
import { createStoreJobs, type OnDone } from './store-jobs.ts';
import { hasFailed } from './taken-job.ts';
import { createTakenJobs } from './taken-jobs.ts';

export type Drain = {
  /** Orders that were taken off the queue and are not finished. */
  inFlight: () => number;
  /** The settings changed: look at once. */
  nudge: () => void;
  close: () => Promise<void>;
};

const batchSize = 200;
/** Uncapped: one batch in PostgreSQL, one on its way there, one on its way out of the queue. */
const maxUnderWay = 3 * batchSize;
/** Jobs that are asked for at once, where they are small. */
const maxJobsAtOnce = 50;
/** Between two looks at the queue, so that orders gather to a batch. */
const restMs = 20;
/** The same while the queue is empty: such a look is one command. */
const idleMs = 15;
/** A worker that takes nothing tells the others the settings this often: they may have no ZooKeeper. */
const tellEveryMs = 1000;

/**
 * Takes jobs off the queue, keeps their orders in its hand until the rate allows them, and stores them in batches, several at
 * a time. A job that runs twice (stalled, retried) finds the rows of its orders. While what it stores in is away its batches
 * wait, and nothing more is taken.
 */
export function startDrain(deps: {
  orderQueue: OrderQueue;
  rate: SharedRate;
  settings: Pick<DrainSettingsWatch, 'last' | 'isFresh'>;
  pacer: Pacer;
  store: Pick<OrderStore, 'present'>;
  commitBatch: CommitBatch;
  logger: Logger;
  onDone: OnDone;
  tracing?: Pick<Tracing, 'record'> | null;
}): Drain {
  const { orderQueue, rate, settings, pacer, store, commitBatch, logger, onDone, tracing = null } = deps;
  const warn = createThrottledWarn(logger);
  const hand = createHand();
  /** The queue was found empty, and so is the hand. */
  let isIdle = true;
  let isDry = true;
  let ordersPerJob = 1;
  let maxJobs = 1;
  let told: RateSettings | null = null;
  let toldAt = Number.NEGATIVE_INFINITY;
  let isClosing = false;
  let isFull = false;
  let wake = () => {};
  const taken = createTakenJobs({
    ...{ orderQueue, hand, store, pacer, logger, warn },
    storeJobs: createStoreJobs({ pacer, commitBatch, logger, onDone, tracing }),
    endJob: createEndJob({ orderQueue, logger, onPoison: () => onDone('poison', 1) }),
    isClosing: () => isClosing,
    onBatchEnd: () => {
      if (isFull) wake();
    },
  });

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
    const perSecond = settings.last()?.ratePerSecond ?? null;
    const { underWay, unstored } = taken.inBatches();
    const left = maxUnderWay - underWay;
    if (perSecond === null) return left < batchSize ? 0 : left;
    const seconds = 0.1 + pacer.state().usualMs / 1000;
    return Math.min(left, Math.ceil(perSecond * seconds) - unstored);
  }

  async function handOut(count: number): Promise<HandedOut> {
    const known = settings.isFresh() ? settings.last() : null;
    [told, toldAt] = [known, performance.now()];
    const wasIdle = count > 0 && isIdle;
    const handed = await rate.handOut(count, known, wasIdle);
    // No worker has told queue Redis since it was wiped: what this one heard last counts.
    if (handed.kind !== 'unknown' || settings.last() === null) return handed;
    return rate.handOut(count, settings.last(), wasIdle);
  }

  /** How long to wait before the next look, where none may be taken; null where some may. */
  function standstill(handed: HandedOut): number | null {
    if (handed.kind === 'allowed') return null;
    for (const job of hand.clear()) taken.giveBack(job);
    if (handed.kind === 'paused') return 500;
    warn(new Error('ZooKeeper has not told the drain rate, nor has another worker'), 'the drain waits');
    return 200;
  }

  async function take(): Promise<number> {
    const known = settings.isFresh() ? settings.last() : null;
    if (known === null || known.paused || known !== told || performance.now() - toldAt > tellEveryMs) {
      const stillMs = standstill(await handOut(0));
      if (stillMs !== null) return stillMs;
    }
    const free = room();
    isFull = free < 1;
    const most = Math.min(batchSize, free, pacer.allowance());
    if (most < 1) return restMs;
    const wasEmpty = hand.count() === 0;
    if (wasEmpty) await takeJobs(most);
    if (hand.count() === 0) {
      isIdle = isDry;
      return isDry ? idleMs : restMs;
    }
    const isCapped = known === null || known.ratePerSecond !== null; // else there is nothing to share
    const [handed] = await Promise.all([
      isCapped ? handOut(Math.min(most, hand.count())) : null,
      wasEmpty && isDry ? null : fill(most),
    ]);
    if (handed !== null && handed.kind !== 'allowed') return standstill(handed) ?? restMs;
    const count = handed?.count ?? Math.min(most, hand.count());
    const parts = hand.take(count);
    pacer.took(count);
    // What failed before is stored apart: it takes no other with it.
    const [first, again] = [parts.filter(({ from }) => !hasFailed(from)), parts.filter(({ from }) => hasFailed(from))];
    if (first.length > 0) taken.store(first);
    for (const part of again) taken.store([part]);
    isIdle = isDry && hand.count() === 0;
    return count < batchSize ? Math.max(restMs, handed?.waitMs ?? 0) : 0;
  }

  /** Takes jobs until `wanted` orders are in the hand, or no more wait. */
  async function fill(wanted: number): Promise<void> {
    while (hand.count() < wanted && !isClosing) {
      await takeJobs(wanted);
      if (isDry) return;
    }
  }

  /** One look at the queue: for one job after it was empty, for twice as many each time that there were as many. */
  async function takeJobs(wanted: number): Promise<void> {
    const asked = Math.min(maxJobs, maxJobsAtOnce, Math.ceil((wanted - hand.count()) / ordersPerJob));
    const jobs = await orderQueue.take(asked);
    isDry = jobs.length < asked;
    maxJobs = isDry ? 1 : asked * 2;
    if (jobs.length > 0) ordersPerJob = Math.max(1, (await taken.open(jobs)) / jobs.length);
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

  const running = run();

  return {
    inFlight: taken.inFlight,
    nudge: () => wake(),
    close: async () => {
      isClosing = true;
      wake();
      await running;
      for (const job of hand.clear()) taken.giveBack(job);
      await taken.close();
    },
  };
}
