import type { Queue } from 'bullmq';
import { ordersIn } from '#contract/order-chunk.ts';

/**
 * How many orders the queue may be given now. While this process answers `burstPerSecond` purchases or more, the queue is
 * only kept busy (`busyDepth`).
 */
export type QueueRoom = {
  /** A purchase was accepted. */
  sawPurchase: () => void;
  /** Asked once a pass: the purchases since it was asked last decide whether there is a burst. */
  left: () => Promise<number>;
};

/** Jobs in each list whose ids are read. With more, their mean stands for the others'. */
const maxRead = 500;

export function createQueueRoom(deps: {
  queue: Pick<Queue, 'getJobCounts' | 'getRanges'>;
  maxDepth: number;
  busyDepth: number;
  burstPerSecond: number;
  /** The rate is taken over at least this long, so that two passes close together see no burst. */
  restMs: number;
}): QueueRoom {
  const { queue, maxDepth, busyDepth, burstPerSecond, restMs } = deps;
  let accepted = 0;
  let countedFrom = performance.now();

  function isBurst(): boolean {
    const now = performance.now();
    const perSecond = (accepted / Math.max(restMs, now - countedFrom)) * 1000;
    accepted = 0;
    countedFrom = now;
    return perSecond >= burstPerSecond;
  }

  /** How many orders wait in the queue, or are in a worker's hands. With as many jobs as orders are allowed: at least that many. */
  async function depth(enough: number): Promise<number> {
    const { waiting = 0, active = 0 } = await queue.getJobCounts('waiting', 'active');
    const jobs = waiting + active;
    if (jobs === 0 || jobs >= enough) return jobs;
    const ids = await queue.getRanges(['waiting', 'active'], 0, maxRead - 1);
    if (ids.length === 0) return jobs;
    return Math.ceil((ordersIn(ids) / ids.length) * Math.max(jobs, ids.length));
  }

  return {
    sawPurchase: () => {
      accepted += 1;
    },
    left: async () => {
      const most = isBurst() ? busyDepth : maxDepth;
      return most - (await depth(most));
    },
  };
}
