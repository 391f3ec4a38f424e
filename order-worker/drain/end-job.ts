import { UnrecoverableError } from 'bullmq';
import { maxChunkTries, parseChunkId } from '#contract/order-chunk.ts';
import type { Logger } from '#runtime/logger.ts';
import type { OrderQueue } from './order-queue.ts';
import { type OwnJob, ownJob, type TakenJob } from './taken-job.ts';

export type Unstorable = OwnJob & { reason: string };

/** What becomes of the jobs that a worker has taken, when orders of them are done or cannot be. */
export function createEndJob(deps: {
  orderQueue: Pick<OrderQueue, 'complete' | 'tellDone' | 'fail' | 'giveBack' | 'giveBackRest' | 'addOwn'>;
  logger: Logger;
  onPoison: () => void;
}) {
  const { orderQueue, logger, onPoison } = deps;

  /** Nothing of it is under way any more, and nothing more of it is handed out. */
  async function end(taken: TakenJob): Promise<void> {
    const { job, jobId, isChunk, fault } = taken;
    if (taken.done === taken.count) return orderQueue.complete(job);
    const rest = [...taken.failed, ...taken.waiting.slice(taken.next)];
    // Else one is in neither place: its own job could not be made.
    const isRestKnown = taken.done + rest.length === taken.count;
    if (fault === null || taken.isLeaving) {
      const saleId = parseChunkId(jobId)?.saleId;
      return taken.done > 0 && isRestKnown && saleId !== undefined
        ? orderQueue.giveBackRest(job, saleId, rest)
        : orderQueue.giveBack(job);
    }
    if (!isChunk || !isRestKnown || job.attemptsMade + 1 < maxChunkTries) return orderQueue.fail(job, fault);
    logger.warn({ err: fault, jobId, orders: rest.length }, 'a chunk failed again and again: its orders go on alone');
    await orderQueue.addOwn(rest.map(ownJob));
    return orderQueue.complete(job);
  }

  return {
    /** Orders of a job that cannot be stored: the job of one order is given up, a chunk leaves each to a job of its own. */
    async refuse(taken: TakenJob, orders: readonly Unstorable[]): Promise<void> {
      if (taken.isChunk) {
        await orderQueue.addOwn(orders);
        for (const { jobId: orderId, reason } of orders) {
          logger.warn(
            { orderId, reason, chunk: taken.jobId },
            'an order cannot be stored with its chunk: it goes on alone',
          );
        }
        return;
      }
      taken.isEnded = true;
      for (const { reason } of orders) {
        logger.error({ orderId: taken.jobId, reason }, 'an order was given up on: see seckill dlq list');
        onPoison();
        await orderQueue.fail(taken.job, new UnrecoverableError(reason));
      }
    },

    /** Ends the job when its time has come; else says how far it is. */
    async goOn(taken: TakenJob): Promise<void> {
      const { isEnded, isLost, underWay, isLeaving, fault, waiting, next } = taken;
      if (isEnded || isLost) return;
      if (underWay === 0 && (isLeaving || fault !== null || next === waiting.length)) {
        taken.isEnded = true;
        return end(taken);
      }
      if (taken.isChunk && taken.done > 0) await orderQueue.tellDone(taken.job, taken.done);
    },
  };
}
