import type { Job, Queue } from 'bullmq';
import { ordersIn, ordersOfJob, parseChunkId } from '#contract/order-chunk.ts';

/** Orders, not jobs: a job of the queue `orders` holds a chunk of them, or one alone. */
export type OrderCounts = { waiting: number; active: number; delayed: number; failed: number };

/** Of failed jobs the newest are looked at: an older one is a dead letter, and that is one order. */
const maxFailed = 1000;
/** Chunks that are read at a time: 25 kB each. */
const atATime = 20;

/**
 * How many orders the queue holds, by the ids of its jobs and by what active chunks say is done. One that moves on meanwhile
 * may be counted twice, and is never left out. Rejects while queue Redis gives no answer.
 */
export async function countOrders(queue: Pick<Queue, 'getRanges' | 'getJobCounts' | 'getJob'>): Promise<OrderCounts> {
  const [waiting, active, delayed, failed, counts] = await Promise.all([
    queue.getRanges(['waiting'], 0, -1),
    queue.getRanges(['active'], 0, -1),
    queue.getRanges(['delayed'], 0, -1),
    queue.getRanges(['failed'], 0, maxFailed - 1),
    queue.getJobCounts('failed'),
  ]);
  const chunks = await readJobs(queue, active.filter(isChunk));
  return {
    waiting: ordersIn(waiting),
    active: ordersIn(active) - chunks.reduce((sum, job) => sum + ordersDone(job), 0),
    delayed: ordersIn(delayed),
    failed: ordersIn(failed) + Math.max(0, (counts.failed ?? 0) - failed.length),
  };
}

/** How many orders of a chunk its worker is done with: its progress, from the front. */
export function ordersDone({ id, progress }: Pick<Job, 'id' | 'progress'>): number {
  const count = parseChunkId(id ?? '')?.count ?? 0;
  return typeof progress === 'number' ? Math.min(count, Math.max(0, progress)) : 0;
}

/** Where in the queue an order is: in a chunk that runs, or will; or in a job of its own, by that job's state. */
export type QueuedAs = 'chunk' | Awaited<ReturnType<Queue['getJobState']>>;

/**
 * Finds orders in the queue; those that are not there are left out of the reply. A chunk that has failed does not count: it
 * is no dead letter, and only workers of this version retry it.
 *
 * An order travels from a chunk to a job of its own to its row. It is looked for in that direction, so one that moves meanwhile
 * is found further on: look at the rows after this. A chunk's id tells its orders, so each is read once.
 */
export function createOrderFinder(queue: Pick<Queue, 'getRanges' | 'getJob' | 'getJobState'>) {
  const known = new Map<string, readonly string[]>();

  async function inChunks(saleId: string): Promise<Set<string>> {
    const ids = await queue.getRanges(['waiting', 'active', 'delayed'], 0, -1);
    const chunks = new Set(ids.filter((id) => parseChunkId(id)?.saleId === saleId));
    for (const id of known.keys()) if (!chunks.has(id)) known.delete(id);
    const unread = [...chunks].filter((id) => !known.has(id));
    for (const job of await readJobs(queue, unread)) known.set(job.id ?? '', idsOf(job));
    return new Set([...known.values()].flat());
  }

  return async (saleId: string, orderIds: readonly string[]): Promise<Map<string, QueuedAs>> => {
    const found = new Map<string, QueuedAs>();
    if (orderIds.length === 0) return found;
    const chunked = await inChunks(saleId);
    for (const orderId of orderIds) if (chunked.has(orderId)) found.set(orderId, 'chunk');
    const alone = orderIds.filter((orderId) => !found.has(orderId));
    const states = await Promise.all(alone.map((orderId) => queue.getJobState(orderId)));
    for (const [index, orderId] of alone.entries()) {
      const state = states[index] ?? 'unknown';
      if (state !== 'unknown') found.set(orderId, state);
    }
    return found;
  };
}

/** The chunk that holds an order, and how many jobs of its state come before it; null when none does. */
export async function findChunkOf(
  queue: Pick<Queue, 'getRanges' | 'getJob'>,
  saleId: string,
  orderId: string,
): Promise<{ job: Job; jobsAhead: number } | null> {
  for (const state of ['waiting', 'active', 'delayed', 'failed'] as const) {
    const ids = await queue.getRanges([state], 0, -1, true);
    const chunks = ids.filter((id) => parseChunkId(id)?.saleId === saleId);
    for (let from = 0; from < chunks.length; from += atATime) {
      const jobs = await readJobs(queue, chunks.slice(from, from + atATime));
      const job = jobs.find((each) => idsOf(each).includes(orderId));
      if (job !== undefined) return { job, jobsAhead: Math.max(0, ids.indexOf(job.id ?? '')) };
    }
  }
  return null;
}

const isChunk = (id: string) => parseChunkId(id) !== null;
const idsOf = (job: Job) => ordersOfJob(job.data).flatMap((order) => order.orderId ?? []);

/** Those that are still there. */
async function readJobs(queue: Pick<Queue, 'getJob'>, ids: readonly string[]): Promise<Job[]> {
  const jobs: Job[] = [];
  for (let from = 0; from < ids.length; from += atATime) {
    const some: (Job | undefined)[] = await Promise.all(ids.slice(from, from + atATime).map((id) => queue.getJob(id)));
    jobs.push(...some.filter((job) => job !== undefined));
  }
  return jobs;
}
