import { z } from 'zod';

const median = z.object({ median: z.number() }).transform((spread) => spread.median);
const positive = z.object({ median: z.number().positive() }).transform((spread) => spread.median);

/** What `seckill plan` reads of loadtest/results/stored.json: µs of processor time of a purchase, by process. */
export const storedSchema = z.object({
  date: z.iso.datetime(),
  commit: z.string(),
  machine: z.object({ model: z.string(), cores: z.number() }),
  microsPerPurchase: z.object({
    stored: z.object({
      'seckill-service': positive,
      'order-worker': positive,
      'stock-redis': positive,
      'queue-redis': positive,
      postgres: positive,
    }),
    accepted: z.object({ 'stock-redis': median }),
  }),
});

/**
 * µs of processor time of one purchase that was accepted and stored. Stock Redis' is told apart: accepting it, with the drain
 * paused, and all that follows.
 */
export type StoredCosts = {
  service: number;
  worker: number;
  stockRedisAccepts: number;
  stockRedisStores: number;
  queueRedis: number;
  postgres: number;
};

export function storedCosts({ microsPerPurchase }: z.output<typeof storedSchema>): StoredCosts {
  const { stored, accepted } = microsPerPurchase;
  const whole = stored['stock-redis'];
  // What the two measurements differ by may be more than the whole, or less than nothing.
  const accepts = Math.min(whole, Math.max(1, accepted['stock-redis']));
  return {
    service: stored['seckill-service'],
    worker: stored['order-worker'],
    stockRedisAccepts: accepts,
    stockRedisStores: whole - accepts,
    queueRedis: stored['queue-redis'],
    postgres: stored.postgres,
  };
}
