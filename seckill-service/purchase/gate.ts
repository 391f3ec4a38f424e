import type { Redis } from 'ioredis';
import type { Logger } from '#runtime/logger.ts';
import { hotDeadlineMs } from '#runtime/redis/connect.ts';
import { StockFault } from '#stock/fault.ts';
import type { ReserveOutcome } from '#stock/outcomes.ts';
import type { Question, Stock } from '#stock/stock.ts';
import { createStockClock } from './stock-clock.ts';

/**
 * So long after it was sent may a question still be carried out. The hot connection waits as long for an answer: who is
 * told nothing by then can be sure that what has not happened will not.
 */
export const questionLifeMs = hotDeadlineMs;
const readClockEveryMs = 5000;

export type Gate = {
  /** As {@link Stock.reserve}, with a deadline of the gate's own. */
  reserve: (saleId: string, question: Question) => Promise<ReserveOutcome>;
  isOpen: () => boolean;
};

/**
 * Lets purchases through only while the connection is one over which `verify` has succeeded: whoever answers after a
 * break may have an older past than the one before. Until then purchases are `unavailable`, and nothing was done.
 * Each question carries its deadline, on Redis' clock.
 */
export function createGate(deps: {
  redis: Redis;
  stock: Pick<Stock, 'reserve' | 'clock'>;
  verify: () => Promise<unknown>;
  logger: Logger;
  retryMs?: number;
  lifeMs?: number;
}): Gate {
  const { redis, stock, verify, logger, retryMs = 200, lifeMs = questionLifeMs } = deps;
  const clock = createStockClock(stock);
  let connection = 0;
  let verified = 0;

  const begin = async () => {
    connection += 1;
    const mine = connection;
    while (mine === connection) {
      try {
        await verify();
        await clock.read(3);
        if (mine === connection) verified = mine;
        return;
      } catch (error) {
        logger.warn({ err: error }, 'stock Redis could not be verified yet: no purchases until then');
        await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    }
  };
  redis.on('ready', () => void begin()); // ends when verified, or when the connection is another one
  redis.on('close', () => {
    connection += 1;
  });
  if (redis.status === 'ready') void begin(); // as above

  // Clocks are set now and then; what a reading fails at, the connection's own errors tell.
  const reading = setInterval(() => void (isOpen() && clock.read().catch(() => undefined)), readClockEveryMs);
  reading.unref();

  const isOpen = () => connection !== 0 && verified === connection;
  return {
    isOpen,
    // Not async: that would make one more promise for each purchase.
    reserve: (saleId, question) => {
      const now = clock.now();
      if (isOpen() && now !== null) return stock.reserve(saleId, question, now + lifeMs);
      return Promise.reject(new StockFault('unavailable', 'the connection is not verified yet'));
    },
  };
}
