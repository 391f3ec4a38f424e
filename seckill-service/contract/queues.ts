/** BullMQ queue names and their key prefix in queue Redis. */
export const queueNames = { orders: 'orders', expiry: 'order-expiry', refunds: 'refunds' } as const;
export const queuePrefix = 'seckill';

/**
 * Options of an order's own job (order-chunk.ts says when it has one). A job that fails for good stays as a dead letter until ops
 * decide.
 */
export const orderJobOptions = {
  attempts: 10,
  backoff: { type: 'exponential', delay: 500 },
  removeOnComplete: true,
  removeOnFail: false,
} as const;

/**
 * Options of every expiry job: one an order, `jobId` = order id, delayed until its time to pay is over. One that failed
 * is only evidence: the order itself is found by the sweep.
 */
export const expiryJobOptions = {
  attempts: 5,
  backoff: { type: 'exponential', delay: 2000 },
  removeOnComplete: true,
  removeOnFail: { count: 1000 },
} as const;

/**
 * Due orders looked at per second, over all workers: so many expire at most. 100,000 that are due in the same minute are
 * done within that minute, and the database hardly notices.
 */
export const expiryPerSecond = 2000;
