import type { Redis } from 'ioredis';
import { saleKeys } from '#contract/redis-keys.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { eachSafely, type Loop, startLoop } from '#runtime/loop.ts';
import { outboxLengths } from './outbox-lengths.ts';

export type RelayLag = { saleId: string; entries: number; oldestMs: number };

/**
 * Tells every `everyMs` how many accepted orders wait in each outbox, and the age of the oldest (0 when none). A loop of
 * its own: the relay itself stands still while queue Redis is away, and that is when the lag matters.
 */
export function watchRelayLag(deps: {
  redis: Redis;
  sales: () => Promise<string[]>;
  now: () => number;
  logger: Logger;
  onLag: (lag: RelayLag) => void;
  /** Of a sale that has left the list. */
  onGone: (saleId: string) => void;
  everyMs?: number;
}): Loop {
  const { redis, sales, now, logger, onLag, onGone, everyMs = 1000 } = deps;
  const warn = createThrottledWarn(logger);
  let listed: ReadonlySet<string> = new Set();
  return startLoop({
    name: 'relay lag',
    everyMs,
    logger,
    pass: async () => {
      const look = async ([saleId, entries]: [string, number | null]) => {
        const { outbox } = saleKeys(saleId);
        if (entries === 0) return onLag({ saleId, entries, oldestMs: 0 });
        const oldest = await redis.xrange(outbox, '-', '+', 'COUNT', 1);
        const addedAt = Number(oldest[0]?.[0].split('-')[0] ?? now());
        onLag({ saleId, entries: entries ?? 0, oldestMs: Math.max(0, now() - addedAt) });
      };
      const lengths = await outboxLengths(redis, await sales());
      for (const saleId of listed) if (!lengths.has(saleId)) onGone(saleId);
      listed = new Set(lengths.keys());
      await eachSafely(lengths, look, (error, [saleId]) => warn(error, `the relay lag of ${saleId}`));
      return 'idle';
    },
  });
}
