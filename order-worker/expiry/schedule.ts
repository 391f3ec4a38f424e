import type { Queue } from 'bullmq';
import { timerId, timerSecondOf } from '#contract/expiry-timer.ts';
import type { StoredOrderState } from '#contract/order-events.ts';
import { expiryJobOptions } from '#contract/queues.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { startLoop } from '#runtime/loop.ts';

/** An order and when its time to pay is over, Unix ms by the database's clock. */
export type UnpaidOrder = { orderId: string; payByMs: number };

/** An order that was just stored, in any state: an earlier run of its job may have stored it, and time has passed since. */
export type JustStored = UnpaidOrder & { state: StoredOrderState };

/** Those that a timer has to come for: they await payment. */
export const unpaidAmong = (orders: readonly JustStored[]): UnpaidOrder[] =>
  orders.filter(({ state }) => state === 'awaiting_payment');

/** Timers added at once. */
const bulk = 500;
/** More seconds than a day has: the longest time to pay. */
const most = 100_000;
/**
 * How long a second counts as added. The orders of a sale that are due in one second are stored within one second: it is made
 * known to queue Redis once or twice. A timer that was wiped with queue Redis is made again by the next order of its second.
 */
const rememberMs = 2000;
/** A timer must not come a hair too early by the database's clock. */
export const afterDueMs = 10;

/**
 * Gives the seconds in which stored orders are due their timers, behind the drain's back: `add` only remembers the seconds, and
 * a loop adds the timers. Added twice, by this worker or by another, a timer is still one. What is forgotten here (the
 * process dies, queue Redis is away for long) is found by the sweep.
 */
export function createExpirySchedule(deps: { queue: Queue; logger: Logger; now: () => number }) {
  const { queue, logger, now } = deps;
  const warn = createThrottledWarn(logger);
  const waiting = new Set<number>();
  /** Second → when its timer was added, the oldest first. */
  const added = new Map<number, number>();

  function forgetOld(nowMs: number): void {
    for (const [second, atMs] of added) {
      if (atMs <= nowMs && nowMs < atMs + rememberMs) return;
      added.delete(second);
    }
  }

  async function addSome(): Promise<void> {
    const seconds = [...waiting].slice(0, bulk);
    const nowMs = now();
    await queue.addBulk(
      seconds.map((second) => ({
        name: 'pay-by',
        data: {},
        opts: { ...expiryJobOptions, jobId: timerId(second), delay: Math.max(0, second * 1000 + afterDueMs - nowMs) },
      })),
    );
    for (const second of seconds) {
      waiting.delete(second);
      added.set(second, now());
    }
  }

  const loop = startLoop({
    name: 'expiry schedule',
    everyMs: 1000,
    logger,
    pass: async () => {
      if (waiting.size === 0) return 'idle';
      await addSome();
      return waiting.size === 0 ? 'idle' : 'more';
    },
  });

  return {
    /** Never fails, never waits. */
    add: (orders: readonly UnpaidOrder[]): void => {
      forgetOld(now());
      for (const { payByMs } of orders) {
        const second = timerSecondOf(payByMs);
        if (added.has(second) || waiting.has(second)) continue;
        if (waiting.size >= most) {
          warn(new Error(`${waiting.size} timers wait`), 'expiring orders is left to the sweep');
          return;
        }
        waiting.add(second);
      }
      if (waiting.size > 0) loop.nudge();
    },
    waiting: () => waiting.size,
    /** Adds what waits. */
    close: async (): Promise<void> => {
      await loop.close();
      while (waiting.size > 0) await addSome();
    },
  };
}
export type ExpirySchedule = ReturnType<typeof createExpirySchedule>;
