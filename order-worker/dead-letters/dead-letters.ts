import { type Job, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { queuePrefix } from '#contract/queues.ts';
import type { DeadLetter, DeadLetterKind, DropOutcome } from './dead-letter.ts';

export type DeadLetterQueue = { name: string; kind: DeadLetterKind };
/** A dead letter, and the job that it is. */
export type Found = { letter: DeadLetter; job: Job; kind: DeadLetterKind };
export type DeadLetters = ReturnType<typeof openDeadLetters>;

const page = 500;

/** The dead letters of these queues, together. `close` ends the queues, not the connection. */
export function openDeadLetters(redis: Redis, queues: readonly DeadLetterQueue[]) {
  const opened = queues.map(({ name, kind }) => {
    const queue = new Queue(name, { connection: redis, prefix: queuePrefix, skipVersionCheck: true });
    queue.on('error', () => {}); // each call rejects with it
    return { queue, kind };
  });
  const found = (queue: Queue, kind: DeadLetterKind, job: Job): Found => ({
    letter: letterOf(queue.name, kind, job),
    job,
    kind,
  });

  return {
    /** How many there are, by queue. */
    async counts(): Promise<{ queue: string; deadLetters: number }[]> {
      return Promise.all(
        opened.map(async ({ queue }) => ({ queue: queue.name, deadLetters: await queue.getFailedCount() })),
      );
    },

    /** Newest first within each queue, at most `limit` of each. */
    async list(limit: number): Promise<Found[]> {
      const all = await Promise.all(
        opened.map(async ({ queue, kind }) =>
          (await queue.getJobs(['failed'], 0, limit - 1)).map((job) => found(queue, kind, job)),
        ),
      );
      return all.flat();
    },

    /** All with this id: the same order may be in several queues. */
    async find(id: string): Promise<Found[]> {
      const all = await Promise.all(
        opened.map(async ({ queue, kind }) => {
          const job: Job | undefined = await queue.getJob(id);
          return job !== undefined && (await job.isFailed()) ? [found(queue, kind, job)] : [];
        }),
      );
      return all.flat();
    },

    /** Every dead letter of every queue, page by page, oldest first. Those that `work` takes out are not met again. */
    async each(work: (found: Found) => Promise<void>): Promise<void> {
      for (const { queue, kind } of opened) {
        // As many as there are now: one that fails again meanwhile waits for the next time.
        let left = await queue.getFailedCount();
        let passed = 0;
        while (left > 0) {
          const jobs = await queue.getJobs(['failed'], passed, passed + Math.min(page, left) - 1, true);
          if (jobs.length === 0) break;
          for (const job of jobs) await work(found(queue, kind, job));
          left -= jobs.length;
          // What work left where it was is passed over; what it took out has made room.
          passed += (await Promise.all(jobs.map((job) => job.isFailed()))).filter(Boolean).length;
        }
      }
    },

    close: async () => void (await Promise.all(opened.map(({ queue }) => queue.close()))),
  };
}

/** Puts a dead letter back into its queue, with all its tries. False when it was none any more. */
export async function retryDeadLetter({ job }: Found): Promise<boolean> {
  try {
    await job.retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true });
    return true;
  } catch (error) {
    if (await job.isFailed()) throw error;
    return false; // somebody was quicker
  }
}

/** Gives up on a dead letter for good, as its kind demands. */
export async function dropDeadLetter({ job, kind }: Found): Promise<DropOutcome> {
  const outcome = await kind.drop(job);
  // One that somebody retries at this moment runs, and finds what was done.
  if (outcome.kind === 'dropped') await job.remove().catch(() => undefined);
  return outcome;
}

function letterOf(queue: string, kind: DeadLetterKind, job: Job): DeadLetter {
  return {
    queue,
    id: job.id ?? '',
    orderId: kind.orderOf(job),
    reason: job.failedReason ?? 'no reason was kept',
    attempts: job.attemptsMade,
    failedAt: new Date(job.finishedOn ?? job.timestamp).toISOString(),
    mend: kind.mend(job),
  };
}
