import type { Queue } from 'bullmq';

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

export function createQueueRoom(deps: {
  queue: Pick<Queue, 'getJobCounts'>;
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

  return {
    sawPurchase: () => {
      accepted += 1;
    },
    left: async () => {
      const most = isBurst() ? busyDepth : maxDepth;
      const { waiting = 0, active = 0 } = await queue.getJobCounts('waiting', 'active');
      return most - (waiting + active);
    },
  };
}
