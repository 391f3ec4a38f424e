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
 * Options of every timer of unpaid orders (expiry-timer.ts): one a second of `payBy`, delayed until that second is over. One that
 * failed is only evidence: its orders are found by the sweep.
 */
export const expiryJobOptions = {
  attempts: 5,
  backoff: { type: 'exponential', delay: 2000 },
  removeOnComplete: true,
  removeOnFail: { count: 1000 },
} as const;

/**
 * Orders that expire per second at most, over all workers. 100,000 that are due in the same minute are done within that minute,
 * and the database hardly notices.
 */
export const expiryPerSecond = 2000;
