import type { ConnectionOptions, Job, Queue } from 'bullmq';
import { Job as BullmqJob, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { type DrainSettings, drainKeys } from '#contract/drain.ts';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { defineBullmqScript } from '#runtime/redis/bullmq-script.ts';
import { replies } from './replies.ts';

export type OrderJob = { jobId: string; data: string };
export type Fetched =
  /** `waitMs` until the rate allows the next; `isDry`: no more were waiting. */
  | { kind: 'jobs'; jobs: OrderJob[]; isDry: boolean; waitMs: number }
  | { kind: 'paused' }
  /** Neither this worker nor any other has ever said how fast: nothing is taken. */
  | { kind: 'unknown' };

/** The orders queue as one worker of it sees it. Rejects while queue Redis gives no answer. */
export type OrderQueue = ReturnType<typeof createOrderQueue>;

/** How long a worker keeps a job without a word, and how often jobs of dead workers are looked for. */
export type QueueTimes = { lockMs: number; stalledEveryMs: number };
const usualTimes: QueueTimes = { lockMs: 5000, stalledEveryMs: 2500 };
/** Time in which orders waited and nobody took them is made up for up to here: what a busy machine needs, no more. */
const sliceMicros = 200_000;

const script = (name: 'fetch' | 'finish') => new URL(`./scripts/${name}.lua`, import.meta.url);

export function createOrderQueue(deps: {
  redis: Redis;
  queue: Queue;
  token: string;
  onError: (error: Error) => void;
  times?: QueueTimes;
}) {
  const { redis, queue, token, onError, times = usualTimes } = deps;
  const { lockMs } = times;
  const prefix = `${queuePrefix}:${queueNames.orders}:`;
  const fetch = defineBullmqScript(redis, 'moveToActive', script('fetch'), prefix, [drainKeys.bucket]);
  const finish = defineBullmqScript(redis, 'moveToFinished', script('finish'), prefix);

  // Of the worker only its upkeep is used: it gives jobs of dead workers back to the queue, and extends our locks.
  const upkeep = new Worker(queueNames.orders, null, {
    connection: redis as ConnectionOptions,
    prefix: queuePrefix,
    lockDuration: lockMs,
    // A dead worker's jobs go to another within about 8 s; one that ran twice after all finds its row.
    stalledInterval: times.stalledEveryMs,
    // A stall is never the order's fault: it must not make a dead letter of it.
    maxStalledCount: 1_000_000,
  });
  upkeep.on('error', onError);
  void upkeep.startStalledCheckTimer(); // its errors are events

  return {
    /** Takes up to `most` orders, as fast as `settings` allow; null settings: as fast as another worker said. */
    async fetch(most: number, settings: DrainSettings | null): Promise<Fetched> {
      const rate = settings === null ? '' : (settings.ratePerSecond ?? 0);
      const paused = settings?.paused === true ? 1 : 0;
      const reply = await fetch(prefix, token, lockMs, most, rate, paused, sliceMicros);
      const [code, waitMicros] = [Number(reply[0]), Number(reply[1])];
      if (code === replies.fetch.PAUSED) return { kind: 'paused' };
      if (code === replies.fetch.UNKNOWN) return { kind: 'unknown' };
      const jobs: OrderJob[] = [];
      for (let i = 2; i + 1 < reply.length; i += 2) jobs.push({ jobId: String(reply[i]), data: String(reply[i + 1]) });
      return { kind: 'jobs', jobs, isDry: code === replies.fetch.DRY, waitMs: waitMicros / 1000 };
    },

    /** The orders are stored: their jobs go. Returns how many were not ours any more (they run again elsewhere). */
    async finish(jobIds: readonly string[]): Promise<number> {
      if (jobIds.length === 0) return 0;
      const answers = await finish(prefix, token, ...jobIds);
      return answers.filter((code) => Number(code) !== replies.finish.DONE).length;
    },

    /** Gives a job up, or back to its queue for another try: as its options and the kind of error say. */
    async fail(jobId: string, error: Error): Promise<void> {
      const job: Job | undefined = await BullmqJob.fromId(queue, jobId);
      await job?.moveToFailed(error, token, false);
    },

    /** Keeps the locks of these jobs. */
    async extendLocks(jobIds: readonly string[]): Promise<void> {
      if (jobIds.length === 0) return;
      await upkeep.extendJobLocks(
        [...jobIds],
        jobIds.map(() => token),
        lockMs,
      );
    },

    close: () => upkeep.close(true),
  };
}
