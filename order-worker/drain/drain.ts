import type { Job } from 'bullmq';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { isDatabaseOutage } from '#runtime/postgres/connect.ts';
import type { Tracing } from '#runtime/tracing.ts';
import type { OrderStore } from '../orders/order-store.ts';
import type { HandedOut, RateSettings, SharedRate } from '../rate/rate.ts';
import type { CommitBatch } from './commit-batch.ts';
import { createEndJob, type Unstorable } from './end-job.ts';
import { createHand } from './hand.ts';
import type { OrderQueue } from './order-queue.ts';
import type { Pacer } from './pacer.ts';
import type { DrainSettingsWatch } from './settings.ts';
import { createStoreJobs, type OnDone } from './store-jobs.ts';
import { hasFailed, openJob, type Part, runsAgain, type TakenJob, waitingIn } from './taken-job.ts';

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
const renewLocksMs = 2000;
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
  const taken = new Set<TakenJob>();
  const batches = new Set<Promise<void>>();
  let underWay = 0;
  let unstored = 0;
  /** The queue was found empty, and so is the hand. */
  let isIdle = true;
  let isDry = true;
  let ordersPerJob = 1;
  let mostJobs = 1;
  let told: RateSettings | null = null;
  let toldAt = Number.NEGATIVE_INFINITY;
  let isClosing = false;
  let isFull = false;
  let wake = () => {};
  const storeJobs = createStoreJobs({ pacer, commitBatch, logger, onDone, tracing });
  const endJob = createEndJob({ orderQueue, logger, onPoison: () => onDone('poison', 1) });

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
    // Nobody has told queue Redis since it was wiped: what this worker heard last counts.
    if (handed.kind !== 'unknown' || settings.last() === null) return handed;
    return rate.handOut(count, settings.last(), wasIdle);
  }

  /** How long to wait before the next look, where none may be taken; null where some may. */
  function standstill(handed: HandedOut): number | null {
    if (handed.kind === 'allowed') return null;
    for (const job of hand.clear()) leave(job);
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
    if (first.length > 0) begin(first);
    for (const part of again) begin([part]);
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
    const asked = Math.min(mostJobs, maxJobsAtOnce, Math.ceil((wanted - hand.count()) / ordersPerJob));
    const jobs = await orderQueue.take(asked);
    isDry = jobs.length < asked;
    mostJobs = isDry ? 1 : asked * 2;
    if (jobs.length > 0) ordersPerJob = Math.max(1, (await open(jobs)) / jobs.length);
  }

  /** Takes jobs into the hand; returns how many orders they hold. Of those that ran before, rows are looked for first. */
  async function open(jobs: readonly Job[]): Promise<number> {
    const opened = jobs.map(openJob);
    for (const { taken: job } of opened) taken.add(job);
    const again = opened.flatMap(({ taken: job }) => (runsAgain(job.job) ? [job] : []));
    let count = 0;
    try {
      if (again.length > 0) await tellStored(again);
    } catch (error) {
      for (const { taken: job } of opened) leave(job);
      if (isDatabaseOutage(error)) pacer.fault(`PostgreSQL fails: ${error instanceof Error ? error.message : error}`);
      throw error;
    }
    for (const { taken: job, unreadable } of opened) {
      count += job.waiting.length + unreadable.length;
      if (waitingIn(job) > 0) hand.add(job);
      track(unreadable.length > 0 ? refuse(job, unreadable).then(() => goOn(job)) : goOn(job));
    }
    return count;
  }

  /** Orders that have rows cost nothing of the rate; their reservations may still be held. */
  async function tellStored(jobs: readonly TakenJob[]): Promise<void> {
    const rows = await store.present(jobs.flatMap(({ waiting }) => waiting.map(({ orderId }) => orderId)));
    if (rows.size === 0) return;
    const parts: Part[] = [];
    for (const from of jobs) {
      const orders = from.waiting.filter(({ orderId }) => rows.has(orderId));
      if (orders.length === 0) continue;
      from.waiting = from.waiting.filter(({ orderId }) => !rows.has(orderId));
      parts.push({ from, orders });
    }
    if (parts.length > 0) begin(parts);
  }

  function track(work: Promise<void>): void {
    const tracked = work.catch((error: unknown) => warn(error, 'a batch of orders'));
    batches.add(tracked);
    void tracked.finally(() => {
      batches.delete(tracked);
      if (isFull) wake();
    });
  }

  function begin(parts: readonly Part[]): void {
    track(handle(parts));
  }

  async function handle(parts: readonly Part[]): Promise<void> {
    let count = 0;
    for (const { from, orders } of parts) {
      from.underWay += orders.length;
      count += orders.length;
    }
    underWay += count;
    unstored += count;
    try {
      const unstorable = await storeJobs(parts)
        .catch((error: unknown) => fail(parts, error))
        .finally(() => {
          unstored -= count;
        });
      // When this fails the orders are stored all the same: their locks run out, and they are found to be.
      await Promise.all(parts.map((part, index) => endPart(part, unstorable[index] ?? [])));
    } finally {
      underWay -= count;
    }
  }

  /** A batch failed as a whole: its jobs are tried again, or are left to another worker when this one ends. */
  function fail(parts: readonly Part[], error: unknown): Unstorable[][] {
    for (const { from, orders } of parts) {
      from.failed.push(...orders);
      if (isClosing) from.isLeaving = true;
      else fault(from, error);
    }
    return [];
  }

  async function endPart({ from, orders }: Part, unstorable: readonly Unstorable[]): Promise<void> {
    if (unstorable.length > 0) await refuse(from, unstorable);
    from.underWay -= orders.length;
    await goOn(from);
  }

  /** Leaves orders that cannot be stored to jobs of their own, or to the dead letters. */
  async function refuse(job: TakenJob, orders: readonly Unstorable[]): Promise<void> {
    job.underWay += orders.length;
    try {
      await endJob.refuse(job, orders);
      job.done += orders.length;
    } catch (error) {
      fault(job, error);
    } finally {
      job.underWay -= orders.length;
    }
  }

  function fault(job: TakenJob, error: unknown): void {
    warn(error, 'a job of the orders queue');
    job.fault ??= error instanceof Error ? error : new Error(String(error));
  }

  async function goOn(job: TakenJob): Promise<void> {
    try {
      await endJob.goOn(job);
    } finally {
      if (job.isEnded || job.isLost) taken.delete(job);
    }
  }

  function leave(job: TakenJob): void {
    job.isLeaving = true;
    track(goOn(job));
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

  async function extendLocks(): Promise<void> {
    const lost = new Set(await orderQueue.extendLocks([...taken].map(({ jobId }) => jobId)));
    const others = lost.size === 0 ? [] : [...taken].filter(({ jobId, isEnded }) => lost.has(jobId) && !isEnded);
    for (const job of others) {
      job.isLost = true;
      if (job.underWay === 0) taken.delete(job);
    }
    if (others.length > 0)
      logger.warn({ jobs: others.length }, 'jobs are left to other workers: their locks had run out');
  }

  let isExtending = false;
  const locks = setInterval(() => {
    if (isExtending) return; // while queue Redis is away each would wait for it
    isExtending = true;
    extendLocks()
      .catch((error: unknown) => warn(error, 'keeping the locks'))
      .finally(() => {
        isExtending = false;
      });
  }, renewLocksMs);
  const running = run();

  return {
    inFlight: () => [...taken].reduce((sum, job) => sum + job.underWay + waitingIn(job), 0),
    nudge: () => wake(),
    close: async () => {
      isClosing = true;
      wake();
      await running;
      for (const job of hand.clear()) leave(job);
      await Promise.all(batches);
      clearInterval(locks);
    },
  };
}
