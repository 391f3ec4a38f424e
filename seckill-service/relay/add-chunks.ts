import type { Queue } from 'bullmq';
import type { AcceptedOrder } from '#contract/order.ts';
import { type ChunkJob, chunkJobs, maxChunkOrders } from '#contract/order-chunk.ts';

/**
 * Puts orders of one sale into the queue, in chunks. Replies with how many of them, from the front, the queue has for sure, and
 * with what kept it from the others. The same orders again are the same jobs.
 */
export type AddChunks = (saleId: string, orders: readonly AcceptedOrder[]) => Promise<Added>;
export type Added = { count: number; fault: unknown };

/**
 * All chunks go in one round trip. When queue Redis has no room for all of them, each is tried by itself, and cut in two as often as
 * it takes: there may be room for less.
 */
export function createAddChunks(queue: Pick<Queue, 'addBulk' | 'getJobState'>): AddChunks {
  async function add(jobs: ChunkJob[]): Promise<unknown> {
    try {
      await queue.addBulk(jobs);
      return null;
    } catch (error) {
      return error;
    }
  }

  /** Of a chunk that was not added with the others, or maybe was. */
  async function addAlone(saleId: string, orders: readonly AcceptedOrder[]): Promise<Added> {
    const jobs = chunkJobs(saleId, orders);
    // A queue Redis that is full refuses to add what it has, too.
    const states = await Promise.all(jobs.map(({ opts }) => queue.getJobState(opts.jobId)));
    if (states.every((state) => state !== 'unknown')) return { count: orders.length, fault: null };
    const fault = await add(jobs);
    if (fault === null) return { count: orders.length, fault };
    if (!isOutOfMemory(fault) || orders.length === 1) return { count: 0, fault };
    const half = Math.ceil(orders.length / 2);
    const first = await addAlone(saleId, orders.slice(0, half));
    if (first.fault !== null) return first;
    const second = await addAlone(saleId, orders.slice(half));
    return { count: half + second.count, fault: second.fault };
  }

  return async (saleId, orders) => {
    if (orders.length === 0) return { count: 0, fault: null };
    const fault = await add(chunkJobs(saleId, orders));
    if (fault === null) return { count: orders.length, fault };
    if (!isOutOfMemory(fault)) return { count: 0, fault };
    for (let from = 0; from < orders.length; from += maxChunkOrders) {
      const added = await addAlone(saleId, orders.slice(from, from + maxChunkOrders));
      if (added.fault !== null) return { count: from + added.count, fault: added.fault };
    }
    return { count: orders.length, fault: null };
  };
}

/** A script's fault names its command's in older versions of Redis. */
const isOutOfMemory = (error: unknown): boolean => error instanceof Error && /\bOOM\b/.test(error.message);
