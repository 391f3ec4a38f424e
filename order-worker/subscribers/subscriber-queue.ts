import { type JobsOptions, Queue } from 'bullmq';
import { queuePrefix } from '#contract/queues.ts';
import { type DeliveryJob, type DeliverySettings, subscriberQueueName } from '#contract/subscribers.ts';
import type { Redis } from '#runtime/redis/connect.ts';
import { type Waiting, waitingId } from './delivery-store.ts';

/** One subscriber's queue. Every process that serves the subscriber has one of these on the same jobs. */
export type SubscriberQueue = ReturnType<typeof openSubscriberQueue>;

export type QueueCounts = { waiting: number; active: number; delayed: number; replaying: number; dead: number };

/** Of a replay's jobs only so many tries are made: their events were delivered, or given up on, once before. */
const maxReplayTries = 3;
/** Live jobs have no priority, and BullMQ takes those first. */
const replayPriority = 10;

const backoffType = 'growing';
const deliveryJobName = 'order';

export function openSubscriberQueue(options: {
  connection: Redis;
  name: string;
  tries: number;
  onError: (error: unknown) => void;
  skipVersionCheck?: boolean;
}) {
  const { connection, name, tries, onError, skipVersionCheck = false } = options;
  const queue = new Queue<DeliveryJob>(subscriberQueueName(name), {
    connection,
    prefix: queuePrefix,
    skipVersionCheck,
    streams: { events: { maxLen: 100 } }, // nobody reads them
  });
  queue.on('error', onError);
  const common: JobsOptions = {
    backoff: { type: backoffType },
    removeOnComplete: true,
    stackTraceLimit: 20, // one line a try, see DeliveryError
    keepLogs: 0,
  };

  const add = async (jobs: readonly { id: string; data: DeliveryJob; opts: JobsOptions }[]) => {
    for (let from = 0; from < jobs.length; from += 500) {
      const chunk = jobs.slice(from, from + 500);
      await queue.addBulk(
        chunk.map(({ id, data, opts }) => ({ name: deliveryJobName, data, opts: { ...common, ...opts, jobId: id } })),
      );
    }
  };

  return {
    queue,

    /** Puts orders into the queue; one that is in it stays as it is. */
    add: (orders: readonly Waiting[]): Promise<void> =>
      add(
        orders.map((order) => ({
          id: waitingId(order),
          data: { orderId: order.orderId, version: order.firstVersion },
          opts: { attempts: tries },
        })),
      ),

    /** Puts a page of a replay into the queue, behind everything that is live. */
    addReplay: (jobs: readonly ReplayedOrder[]): Promise<void> =>
      add(
        jobs.map((job) => ({
          id: replayJobId(job),
          data: {
            orderId: job.orderId,
            version: job.firstVersion,
            replay: { id: job.replayId, lastVersion: job.lastVersion },
          },
          opts: { attempts: Math.min(tries, maxReplayTries), priority: replayPriority, removeOnFail: true },
        })),
      ),

    /** Which of these jobs the queue has, whatever their state. */
    async has(jobIds: readonly string[]): Promise<ReadonlySet<string>> {
      if (jobIds.length === 0) return new Set();
      const pipeline = connection.pipeline();
      for (const id of jobIds) pipeline.exists(queue.toKey(id));
      const replies = (await pipeline.exec()) ?? [];
      const [fault] = replies.flatMap(([error]) => error ?? []);
      if (fault !== undefined) throw fault; // not knowing is not the same as not being there
      return new Set(jobIds.filter((_id, index) => replies[index]?.[1] === 1));
    },

    async remove(jobIds: readonly string[]): Promise<void> {
      for (const id of jobIds) await queue.remove(id).catch(() => undefined); // one that runs right now ends by itself
    },

    async counts(): Promise<QueueCounts> {
      const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized', 'failed');
      const { waiting = 0, active = 0, delayed = 0, prioritized = 0, failed = 0 } = counts;
      return { waiting, active, delayed, replaying: prioritized, dead: failed };
    },

    /** Everything that waits for its next try is tried now, in the queue's order. */
    retryNow: (): Promise<void> => queue.promoteJobs({ count: 1000 }),

    /** Nothing is taken out of the queue for so long, by any worker: the subscriber asked for rest. */
    rest: (ms: number): Promise<void> => queue.rateLimit(Math.ceil(ms)),

    /** Puts the limits into queue Redis, which may have been wiped. */
    async limit({ ratePerSecond, concurrency, batchSize }: DeliverySettings): Promise<void> {
      const { max, duration } = slicesOf(ratePerSecond);
      await Promise.all([
        // Also without a rate: what a subscriber asks for (Retry-After) is obeyed only where there is a limit.
        queue.setGlobalRateLimit(max, duration),
        queue.setGlobalConcurrency(concurrency * batchSize),
      ]);
    },

    obliterate: (): Promise<void> => queue.obliterate({ force: true, count: 1000 }),
    close: (): Promise<void> => queue.close(),
  };
}

/** An order of a replay's page, with the versions that are in it. */
export type ReplayedOrder = { replayId: string; orderId: string; firstVersion: number; lastVersion: number };

export const replayJobId = (order: ReplayedOrder): string => `${order.replayId}-${waitingId(order)}`;

/** A rate as BullMQ's limiter takes it: so many a slice of about a tenth of a second. */
export function slicesOf(ratePerSecond: number | null): { max: number; duration: number } {
  if (ratePerSecond === null) return { max: 1_000_000, duration: 1000 };
  const max = Math.max(1, Math.floor(ratePerSecond / 10));
  return { max, duration: Math.ceil((max * 1000) / ratePerSecond) };
}
