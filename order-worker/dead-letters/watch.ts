import type { Redis } from 'ioredis';
import { queueNames } from '#contract/queues.ts';
import type { Logger } from '#runtime/logger.ts';
import { type Loop, startLoop } from '#runtime/loop.ts';
import { Gauge, type Registry } from '#runtime/metrics.ts';
import type { Pool } from '#runtime/postgres/connect.ts';
import type { Stock } from '#stock/stock.ts';
import { openDeadLetters } from './dead-letters.ts';
import { expiryKind, ordersKind, refundsKind } from './kinds.ts';

/** Counts the dead letters of our own queues for the metrics; each subscriber's lane counts its own. */
export function watchDeadLetters(deps: {
  redis: Redis;
  pool: Pool;
  stock: Pick<Stock, 'reservation' | 'sale'>;
  logger: Logger;
  registers: Registry[];
  everyMs?: number;
}): Pick<Loop, 'close'> {
  const { redis, pool, stock, logger, registers, everyMs = 2000 } = deps;
  const letters = openDeadLetters(redis, [
    { name: queueNames.orders, kind: ordersKind({ pool, stock }) },
    { name: queueNames.expiry, kind: expiryKind },
    { name: queueNames.refunds, kind: refundsKind },
  ]);
  const gauge = new Gauge({
    name: 'seckill_dead_letters',
    help: 'Jobs that were given up on, by queue: see seckill dlq list',
    labelNames: ['queue'],
    registers,
  });
  const loop = startLoop({
    name: 'dead letters',
    everyMs,
    logger,
    pass: async () => {
      for (const { queue, deadLetters } of await letters.counts()) gauge.set({ queue }, deadLetters);
      return 'idle';
    },
  });
  return {
    close: async () => {
      await loop.close();
      await letters.close();
    },
  };
}
