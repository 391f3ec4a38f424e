import { setTimeout as wait } from 'node:timers/promises';
import type { Queue } from 'bullmq';
import type { StoredOrderState } from '#contract/order-events.ts';
import { expiryJobOptions } from '#contract/queues.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { startLoop } from '#runtime/loop.ts';

/** An order and when its time to pay is over, Unix ms by the database's clock. */
export type UnpaidOrder = { orderId: string; payByMs: number };

/** An order that was just stored, in any state: an earlier run of its job may have stored it, and time has passed since. */
export type JustStored = UnpaidOrder & { state: StoredOrderState };

/** Those that get an expiry job: they await payment. */
export const unpaidAmong = (orders: readonly JustStored[]): UnpaidOrder[] =>
  orders.filter(({ state }) => state === 'awaiting_payment');

const chunk = 500;
/** About a minute of a fast drain. */
const most = 200_000;
/** The database has microseconds, a job milliseconds: a job that is due must not come a hair too early. */
export const afterDueMs = 10;

/**
 * Gives each stored order its delayed job, behind the drain's back: `add` only remembers them, and a loop adds them to
 * the queue in bulk, resting after each chunk three times as long as it took, so that a burst of orders is stored first
 * and timed second. What is forgotten here (the process dies, queue Redis is away for long) is found by the sweep.
 */
export function createExpirySchedule(deps: { queue: Queue; logger: Logger; now: () => number }) {
  const { queue, logger, now } = deps;
  const warn = createThrottledWarn(logger);
  let waiting: UnpaidOrder[] = [];
  let isClosing = false;

  async function addChunk(): Promise<void> {
    const orders = waiting.slice(0, chunk);
    const nowMs = now();
    await queue.addBulk(
      orders.map(({ orderId, payByMs }) => ({
        name: 'expire',
        data: {},
        opts: { ...expiryJobOptions, jobId: orderId, delay: Math.max(0, payByMs + afterDueMs - nowMs) },
      })),
    );
    waiting = waiting.slice(orders.length);
  }

  const loop = startLoop({
    name: 'expiry schedule',
    everyMs: 1000,
    logger,
    pass: async () => {
      if (waiting.length === 0) return 'idle';
      const startedAt = performance.now();
      await addChunk();
      if (!isClosing) await wait(3 * (performance.now() - startedAt));
      return waiting.length === 0 ? 'idle' : 'more';
    },
  });

  return {
    /** Never fails, never waits. */
    add: (orders: readonly UnpaidOrder[]): void => {
      const room = most - waiting.length;
      if (orders.length > room) warn(new Error(`${waiting.length} wait`), 'expiry jobs are left to the sweep');
      for (const order of orders.slice(0, room)) waiting.push(order);
      loop.nudge();
    },
    waiting: () => waiting.length,
    /** Adds what waits, without resting. */
    close: async (): Promise<void> => {
      isClosing = true;
      await loop.close();
      while (waiting.length > 0) await addChunk();
    },
  };
}
export type ExpirySchedule = ReturnType<typeof createExpirySchedule>;
