import type { Redis } from 'ioredis';
import type { Logger } from '#runtime/logger.ts';
import { StockFault } from '#stock/fault.ts';
import type { Stock } from '#stock/stock.ts';

export type Gate = { reserve: Stock['reserve']; isOpen: () => boolean };

/**
 * Lets purchases through only while the connection is one over which `verify` has succeeded: whoever answers after a
 * break may have an older past than the one before. Until then purchases are `unavailable`, and nothing was done.
 */
export function createGate(deps: {
  redis: Redis;
  stock: Pick<Stock, 'reserve'>;
  verify: () => Promise<unknown>;
  logger: Logger;
  retryMs?: number;
}): Gate {
  const { redis, stock, verify, logger, retryMs = 200 } = deps;
  let connection = 0;
  let verified = 0;

  const begin = async () => {
    connection += 1;
    const mine = connection;
    while (mine === connection) {
      try {
        await verify();
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

  const isOpen = () => connection !== 0 && verified === connection;
  return {
    isOpen,
    reserve: async (...purchase) => {
      if (!isOpen()) throw new StockFault('unavailable', 'the connection is not verified yet');
      return stock.reserve(...purchase);
    },
  };
}
