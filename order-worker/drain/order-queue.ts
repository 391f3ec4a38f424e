import type { ConnectionOptions, Job, Queue } from 'bullmq';
import { Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { AcceptedOrder } from '#contract/order.ts';
import { chunkJobs, jobNames } from '#contract/order-chunk.ts';
import { orderJobOptions, queueNames, queuePrefix } from '#contract/queues.ts';
import type { OwnJob } from './taken-job.ts';

/**
 * The orders queue as one worker of it sees it. Rejects while queue Redis gives no answer, and where a job is not ours any
 * more: then it runs again elsewhere.
 */
export type OrderQueue = ReturnType<typeof createOrderQueue>;

/** How long a worker keeps a job without a word, and how often jobs of dead workers are looked for. */
export type QueueTimes = { lockMs: number; stalledEveryMs: number };
const usualTimes: QueueTimes = { lockMs: 5000, stalledEveryMs: 2500 };

export function createOrderQueue(deps: {
  redis: Redis;
  queue: Queue;
  token: string;
  onError: (error: unknown) => void;
  times?: QueueTimes;
}) {
  const { redis, queue, token, onError, times = usualTimes } = deps;
  const { lockMs } = times;

  // Without a processor: jobs are fetched one by one (https://docs.bullmq.io/patterns/manually-fetching-jobs).
  const worker = new Worker(queueNames.orders, null, {
    connection: redis as ConnectionOptions,
    prefix: queuePrefix,
    lockDuration: lockMs,
    // A dead worker's jobs go to another within about 8 s; orders that were stored before are found to be.
    stalledInterval: times.stalledEveryMs,
    // A stall is never the order's fault: it must not make a dead letter of it.
    maxStalledCount: 1_000_000,
  });
  worker.on('error', onError);
  void worker.startStalledCheckTimer(); // its errors are events

  const complete = async (job: Job) => void (await job.moveToCompleted('', token, false));

  return {
    /** Takes up to `most` jobs; fewer: no more were waiting. */
    async take(most: number): Promise<Job[]> {
      const asked = Array.from({ length: most }, () => worker.getNextJob(token, { block: false }));
      const jobs: Job[] = [];
      const errors: unknown[] = [];
      for (const reply of await Promise.allSettled(asked)) {
        if (reply.status === 'rejected') errors.push(reply.reason);
        else if (reply.value !== undefined) jobs.push(reply.value);
      }
      if (errors.length === most) throw errors[0];
      for (const error of errors) onError(error);
      return jobs;
    },

    /** Each of its orders is stored or has a job of its own: the job goes. */
    complete,

    /** Tells how many of a chunk's orders are done. */
    tellDone: (job: Job, done: number): Promise<void> => job.updateProgress(done),

    /** Gives a job up, or back to its queue for another try: as its options and the kind of error say. */
    async fail(job: Job, error: Error): Promise<void> {
      await job.moveToFailed(error, token, false);
    },

    /** Puts a job back to the front of the queue. */
    async giveBack(job: Job): Promise<void> {
      await job.moveToWait(token);
    },

    /** The same for the rest of a chunk: a smaller one takes its place. */
    async giveBackRest(job: Job, saleId: string, rest: readonly AcceptedOrder[]): Promise<void> {
      await queue.addBulk(chunkJobs(saleId, rest).map((it) => ({ ...it, opts: { ...it.opts, lifo: true } })));
      await complete(job);
    },

    /** Gives orders jobs of their own, at the front of the queue. One that has one gets no second. */
    async addOwn(jobs: readonly OwnJob[]): Promise<void> {
      await queue.addBulk(
        jobs.map(({ jobId, data }) => ({
          name: jobNames.order,
          data,
          opts: { ...orderJobOptions, jobId, lifo: true },
        })),
      );
    },

    /** Keeps the locks of these jobs. Returns those that had run out. */
    async extendLocks(jobIds: readonly string[]): Promise<string[]> {
      if (jobIds.length === 0) return [];
      return worker.extendJobLocks(
        [...jobIds],
        jobIds.map(() => token),
        lockMs,
      );
    },

    close: () => worker.close(true),
  };
}
