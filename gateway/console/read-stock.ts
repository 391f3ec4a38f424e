import { saleKeys } from '#contract/redis-keys.ts';
import type { Redis } from '#runtime/redis/connect.ts';

/** A sale in stock Redis, in units. `accepted`: granted so far; `stored`: of them, in the database. */
export type StockNow = {
  epoch: number;
  total: number;
  free: number;
  accepted: number;
  stored: number;
  outbox: number;
  fault: string | null;
};

/** Null when the sale has no stock yet. Three short commands. */
export async function readStock(redis: Redis, saleId: string): Promise<StockNow | null> {
  const keys = saleKeys(saleId);
  const [fields, free, outbox] = await Promise.all([
    redis.hmget(keys.sale, 'epoch', 'total', 'returned', 'committed', 'fault'),
    redis.get(keys.stock),
    redis.xlen(keys.outbox),
  ]);
  const [epoch, total, returned, committed, fault] = fields;
  if (total == null || free === null) return null;
  return {
    epoch: Number(epoch),
    total: Number(total),
    free: Number(free),
    accepted: Number(total) - Number(free) + Number(returned ?? 0),
    stored: Number(committed ?? 0),
    outbox,
    fault: fault == null || fault === '' ? null : fault,
  };
}
