import type { Job } from 'bullmq';

/** A job that was given up on. It stays until ops retry or drop it. */
export type DeadLetter = {
  queue: string;
  id: string;
  orderId: string | null;
  reason: string;
  /** How often it was tried. */
  attempts: number;
  /** ISO 8601 UTC. */
  failedAt: string;
  /** What ops should do, most often a command. */
  mend: string;
};

export type DropOutcome =
  | { kind: 'dropped'; says: string }
  /** It must not be dropped; nothing was changed. */
  | { kind: 'refused'; says: string };

/** What is particular about the dead letters of one queue. */
export type DeadLetterKind = {
  orderOf: (job: Job) => string | null;
  mend: (job: Job) => string;
  /** What dropping one will do, as the question to ops puts it. */
  dropMeans: string;
  /**
   * Does what has to be done so that nothing is lost silently; the job itself is taken out afterwards. Safe to repeat: a
   * crash in between leaves the dead letter where it was.
   */
  drop: (job: Job) => Promise<DropOutcome>;
};

export const retryCommand = (queue: string, id: string | undefined): string =>
  `seckill dlq retry ${id ?? ''} --queue ${queue}`;

/** A text field of a job's data, which may be anything. */
export function textOf(job: Job, field: string): string | null {
  const data: unknown = job.data;
  const value: unknown = typeof data === 'object' && data !== null ? Reflect.get(data, field) : undefined;
  return typeof value === 'string' ? value : null;
}
