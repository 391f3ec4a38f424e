import type { Job } from 'bullmq';
import { type AcceptedOrder, saleIdOfOrder } from '#contract/order.ts';
import { isReadable, ordersOfJob, parseChunkId, type UnreadableOrder } from '#contract/order-chunk.ts';

/** A job that this worker has taken off the queue and not ended, and how far its orders are. */
export type TakenJob = {
  readonly job: Job;
  readonly jobId: string;
  /** Carries many orders: each that cannot be stored gets a job of its own. Else the job of one order, which fails with it. */
  readonly isChunk: boolean;
  /** How many orders it holds, those that cannot be read among them. */
  readonly count: number;
  /** Orders that no batch has, from `next` on. */
  waiting: readonly AcceptedOrder[];
  next: number;
  /** How many of its orders are in a batch, or get jobs of their own at this moment. */
  underWay: number;
  /** How many are stored, or have a job of their own. */
  done: number;
  /** Orders whose batch failed as a whole, and why. */
  failed: AcceptedOrder[];
  fault: Error | null;
  /** It goes back to the queue: no further batch gets orders of it. */
  isLeaving: boolean;
  /** Its lock ran out: another worker has it, or will. */
  isLost: boolean;
  isEnded: boolean;
};

/** Orders of one job that go into a batch together. */
export type Part = { readonly from: TakenJob; readonly orders: readonly AcceptedOrder[] };

/** The job of an order that cannot be stored with its chunk. */
export type OwnJob = { jobId: string; data: unknown };

/** Reads a job: its orders wait, what cannot be read is told beside. */
export function openJob(job: Job): { taken: TakenJob; unreadable: (OwnJob & { reason: string })[] } {
  const jobId = job.id ?? '';
  const data: unknown = job.data;
  const orders = ordersOfJob(data);
  const waiting = orders.filter(isReadable);
  const unreadable =
    waiting.length === orders.length
      ? []
      : orders.flatMap((order, index) => (isReadable(order) ? [] : [unreadableJob(jobId, index, order)]));
  const isChunk = parseChunkId(jobId) !== null || (typeof data === 'object' && data !== null && 'orders' in data);
  const taken: TakenJob = {
    ...{ job, jobId, isChunk, count: orders.length, waiting, next: 0, underWay: 0, done: 0 },
    ...{ failed: [], fault: null, isLeaving: false, isLost: false, isEnded: false },
  };
  return { taken, unreadable };
}

export const ownJob = (order: AcceptedOrder): OwnJob => ({ jobId: order.orderId, data: order });

/** An id that is none of an order would be refused by the queue, or mean something else there. */
function unreadableJob(jobId: string, index: number, { orderId, data, reason }: UnreadableOrder) {
  const isOrderId = orderId !== null && saleIdOfOrder(orderId) !== null;
  return { jobId: isOrderId ? orderId : `${jobId}.${index}`, data, reason };
}

/** How many of its orders no batch has yet, of a job that goes on. */
export function waitingIn({ waiting, next, isLeaving, isLost, fault }: TakenJob): number {
  return isLeaving || isLost || fault !== null ? 0 : waiting.length - next;
}

/** It has run before, here or elsewhere: some of its orders may be stored. */
export const runsAgain = ({ attemptsStarted, stalledCounter }: Job): boolean =>
  attemptsStarted > 1 || stalledCounter > 0;

/** It was tried before, and could not be stored. */
export const hasFailed = ({ job }: TakenJob): boolean => job.attemptsMade > 0;
