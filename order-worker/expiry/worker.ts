import { setTimeout as wait } from 'node:timers/promises';
import { DelayedError, type Queue, Worker } from 'bullmq';
import { parseTimerId } from '#contract/expiry-timer.ts';
import { expiryPerSecond, queuePrefix } from '#contract/queues.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { createMicroBatcher } from '#runtime/micro-batch.ts';
import { isDatabaseOutage } from '#runtime/postgres/connect.ts';
import type { DueOrder, Expiry, ExpiryOutcome } from './expire-orders.ts';
import type { Permits } from './permits.ts';
import { afterDueMs } from './schedule.ts';
import { createTurns } from './turns.ts';

/** Jobs taken at a time: what the version before left (one an order) is expired in batches of them. */
const atOnce = 200;
/** As many as the worker has connections: one that waits for a row does not hold up the next second. */
const atATime = 2;

/** What becomes of a job: it is done, or it is run again in `againInMs`. */
type End = 'done' | { againInMs: number };
type InHand = NonNullable<Parameters<Expiry['expire']>[1]>;

/**
 * Takes due timers off the expiry queue and expires the unpaid orders of their seconds, a page in a transaction, no faster than
 * its permits: a hundred thousand that are due at once become a steady trickle of short transactions. A timer that came too early,
 * by a clock that runs ahead, is delayed again. While PostgreSQL is away a timer rests and goes back to the queue.
 */
export function startExpiryWorker(deps: {
  queue: Queue;
  expiry: Pick<Expiry, 'expire' | 'msUntil' | 'unpaidOf'>;
  permits: Permits;
  logger: Logger;
  now: () => number;
  /** Orders of a second that are looked at together; one transaction expires as many at most. */
  pageSize?: number;
  /** How long a job rests at a time while PostgreSQL is away. */
  outageRestMs?: number;
}): { close: () => Promise<void> } {
  const { queue, expiry, permits, logger, now, pageSize = expiryPerSecond / 5, outageRestMs = 1000 } = deps;
  const warn = createThrottledWarn(logger);
  const inTurn = createTurns(atATime);
  const closing = new AbortController();

  /** Throws while PostgreSQL is away; what it refuses is refused to the order that is to blame. */
  async function expireBatch(orderIds: readonly string[], inHand: InHand): Promise<(ExpiryOutcome | Error)[]> {
    try {
      return await expiry.expire(orderIds, inHand);
    } catch (error) {
      if (isDatabaseOutage(error)) throw error;
      if (orderIds.length === 1) return [error instanceof Error ? error : new Error(String(error))];
      logger.warn({ err: error, orders: orderIds.length }, 'a batch was refused; expiring its orders one by one');
      const outcomes: (ExpiryOutcome | Error)[] = [];
      for (const id of orderIds) outcomes.push(...(await expireBatch([id], inHand)));
      return outcomes;
    }
  }

  async function expireSecond(second: number): Promise<End> {
    if (closing.signal.aborted) return { againInMs: 0 };
    const earlyMs = await expiry.msUntil(second);
    if (earlyMs > 0) return { againInMs: earlyMs + afterDueMs };
    // Rows that are locked come last: they hold up none of the others.
    const end = await expireUnpaid(second, 'pass over');
    return end === 'done' || closing.signal.aborted ? end : await expireUnpaid(second, 'wait');
  }

  /** All unpaid orders of a second, from the first to the last, each once. */
  async function expireUnpaid(second: number, inHand: InHand): Promise<End> {
    let last: DueOrder | null = null;
    let end: End = 'done';
    while (!closing.signal.aborted) {
      const page: DueOrder[] = await expiry.unpaidOf(second, last, pageSize);
      if (page.length === 0) return end;
      const orderIds = page.slice(0, await permits.take(page.length)).map(({ orderId }) => orderId);
      for (const [index, outcome] of (await expireBatch(orderIds, inHand)).entries()) {
        if (outcome instanceof Error)
          logger.error({ orderId: orderIds[index], err: outcome }, 'an order cannot be expired: run seckill audit');
        else if (outcome.kind === 'locked' || outcome.kind === 'early') end = { againInMs: afterDueMs };
      }
      last = page[orderIds.length - 1] ?? last;
    }
    return { againInMs: 0 };
  }

  const single = createMicroBatcher<string, ExpiryOutcome>({
    handle: (orderIds) =>
      inTurn(async () => {
        await permits.takeAll(orderIds.length);
        return await untilItRests(() => expireBatch(orderIds, 'wait'));
      }),
    maxSize: atOnce,
    maxWaitMs: 20,
  });

  async function expireOne(orderId: string): Promise<End> {
    const outcome = await single.add(orderId);
    if (outcome.kind === 'locked') return { againInMs: afterDueMs };
    return outcome.kind === 'early' ? { againInMs: outcome.dueInMs + afterDueMs } : 'done';
  }

  /** Rests before it throws, when PostgreSQL is away: others do not run into the same meanwhile. */
  async function untilItRests<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isDatabaseOutage(error)) {
        warn(error, 'postgres is away: orders expire when it is back');
        await wait(outageRestMs, undefined, { signal: closing.signal }).catch(() => undefined); // closed meanwhile
      }
      throw error;
    }
  }

  const worker = new Worker(
    queue.name,
    async (job, token) => {
      const id = job.id ?? '';
      const second = parseTimerId(id);
      let end: End;
      try {
        end = await (second === null ? expireOne(id) : inTurn(() => untilItRests(() => expireSecond(second))));
      } catch (error) {
        if (!isDatabaseOutage(error)) throw error;
        end = { againInMs: 0 };
      }
      if (end === 'done') return;
      await job.moveToDelayed(now() + end.againInMs, token); // uses up no attempt
      throw new DelayedError();
    },
    {
      connection: queue.opts.connection,
      prefix: queuePrefix,
      concurrency: atOnce,
      lockDuration: 5000,
      stalledInterval: 2500,
      maxStalledCount: 1_000_000, // a stall is never the order's fault
    },
  );
  worker.on('error', (error) => warn(error, 'expiry worker'));
  worker.on('failed', (job, error) => {
    logger.error({ job: job?.id, err: error }, 'an expiry job failed: its orders are left to the sweep');
  });

  return {
    close: () => {
      closing.abort();
      return worker.close();
    },
  };
}
