import type { Job } from 'bullmq';
import type { createThrottledWarn, Logger } from '#runtime/logger.ts';
import { isDatabaseOutage } from '#runtime/postgres/connect.ts';
import type { OrderStore } from '../orders/order-store.ts';
import type { createEndJob, Unstorable } from './end-job.ts';
import type { Hand } from './hand.ts';
import { keepLocks } from './keep-locks.ts';
import type { OrderQueue } from './order-queue.ts';
import type { Pacer } from './pacer.ts';
import type { createStoreJobs } from './store-jobs.ts';
import { openJob, type Part, runsAgain, type TakenJob, waitingIn } from './taken-job.ts';

/** The jobs that a worker has taken and not ended: from their orders in the hand until each has ended in one way or another. */
export type TakenJobs = {
  /** Takes jobs into the hand; returns how many orders they hold. Of those that ran before, rows are looked for first. */
  open: (jobs: readonly Job[]) => Promise<number>;
  /** Stores these orders in one batch, and ends the jobs that are done with it. */
  store: (parts: readonly Part[]) => void;
  /** The rest of a job, which is in the hand no more, goes back to the queue when no batch has orders of it. */
  giveBack: (job: TakenJob) => void;
  /** Orders in batches; `unstored`: whose rows are not there yet. */
  inBatches: () => { underWay: number; unstored: number };
  /** Orders of all jobs that are not done. */
  inFlight: () => number;
  /** Waits for what is under way. */
  close: () => Promise<void>;
};

export function createTakenJobs(deps: {
  orderQueue: Pick<OrderQueue, 'extendLocks'>;
  hand: Pick<Hand, 'add'>;
  store: Pick<OrderStore, 'present'>;
  pacer: Pick<Pacer, 'fault'>;
  storeJobs: ReturnType<typeof createStoreJobs>;
  endJob: ReturnType<typeof createEndJob>;
  logger: Logger;
  warn: ReturnType<typeof createThrottledWarn>;
  isClosing: () => boolean;
  onBatchEnd: () => void;
}): TakenJobs {
  const { orderQueue, hand, store, pacer, storeJobs, endJob, logger, warn, isClosing, onBatchEnd } = deps;
  const taken = new Set<TakenJob>();
  const works = new Set<Promise<void>>();
  let underWay = 0;
  let unstored = 0;
  const locks = keepLocks({ orderQueue, taken, logger, warn });

  function track(work: Promise<void>): void {
    const tracked = work.catch((error: unknown) => warn(error, 'a batch of orders'));
    works.add(tracked);
    void tracked.finally(() => {
      works.delete(tracked);
      onBatchEnd();
    });
  }

  async function open(jobs: readonly Job[]): Promise<number> {
    const opened = jobs.map(openJob);
    for (const { taken: job } of opened) taken.add(job);
    const again = opened.flatMap(({ taken: job }) => (runsAgain(job.job) ? [job] : []));
    const isKnown = again.length === 0 || (await storeStored(again));
    let count = 0;
    for (const { taken: job, unreadable } of opened) {
      count += job.waiting.length + unreadable.length;
      if (!isKnown) job.isLeaving = true;
      if (waitingIn(job) > 0) hand.add(job);
      track(unreadable.length > 0 && isKnown ? refuse(job, unreadable).then(() => goOn(job)) : goOn(job));
    }
    if (!isKnown) throw new Error('PostgreSQL is away: jobs that ran before go back to the queue');
    return count;
  }

  /** Orders that have rows cost nothing of the rate; their reservations may still be held. False while PostgreSQL is away. */
  async function storeStored(jobs: readonly TakenJob[]): Promise<boolean> {
    try {
      const rows = await store.present(jobs.flatMap(({ waiting }) => waiting.map(({ orderId }) => orderId)));
      const parts: Part[] = [];
      for (const from of rows.size === 0 ? [] : jobs) {
        const orders = from.waiting.filter(({ orderId }) => rows.has(orderId));
        if (orders.length === 0) continue;
        from.waiting = from.waiting.filter(({ orderId }) => !rows.has(orderId));
        parts.push({ from, orders });
      }
      if (parts.length > 0) storeBatch(parts);
      return true;
    } catch (error) {
      if (isDatabaseOutage(error)) {
        pacer.fault(`PostgreSQL fails: ${error instanceof Error ? error.message : String(error)}`);
        return false;
      }
      for (const job of jobs) fault(job, error);
      return true;
    }
  }

  function storeBatch(parts: readonly Part[]): void {
    let count = 0;
    for (const { from, orders } of parts) {
      from.underWay += orders.length;
      count += orders.length;
    }
    underWay += count;
    unstored += count;
    const stored = storeJobs(parts)
      .catch((error: unknown) => fail(parts, error))
      .finally(() => {
        unstored -= count;
      });
    // When this fails the orders are stored all the same: their locks run out, and they are found to be.
    const ended = stored.then((unstorable) =>
      Promise.all(parts.map((part, index) => endPart(part, unstorable[index] ?? []))),
    );
    track(
      ended
        .then(() => {})
        .finally(() => {
          underWay -= count;
        }),
    );
  }

  /** A batch failed as a whole: its jobs are tried again, or are left to another worker when this one ends. */
  function fail(parts: readonly Part[], error: unknown): Unstorable[][] {
    for (const { from, orders } of parts) {
      from.failed.push(...orders);
      if (isClosing()) from.isLeaving = true;
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

  return {
    open,
    store: storeBatch,
    giveBack: (job) => {
      job.isLeaving = true;
      track(goOn(job));
    },
    inBatches: () => ({ underWay, unstored }),
    inFlight: () => [...taken].reduce((sum, job) => sum + job.underWay + waitingIn(job), 0),
    close: async () => {
      await Promise.all(works);
      locks.close();
    },
  };
}
