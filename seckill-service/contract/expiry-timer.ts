/**
 * A timer is ONE delayed job in queue `order-expiry` for all orders whose `pay_by` lies in the same second. It is named by the
 * second after that, Unix seconds: `second - 1 <= pay_by < second`, so at `second` the time to pay of all of them is over.
 * That the job exists is all that it says: the worker that runs it asks the database which orders are unpaid.
 */
export const timerSecondOf = (payByMs: number): number => Math.floor(payByMs / 1000) + 1;

export const timerId = (second: number): string => `pay-by-${second}`;

/** The second of a timer; null for the job of one order (its id), as the version before made them. */
export function parseTimerId(jobId: string): number | null {
  // An order's id ends with 26 characters, also that of a sale named pay-by.
  const digits = /^pay-by-(\d{1,12})$/.exec(jobId)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** In queue Redis, beside the queues: how much of the rate of expiry is used up. May be lost with it. */
export const expiryBucket = 'seckill:expiry:bucket';
