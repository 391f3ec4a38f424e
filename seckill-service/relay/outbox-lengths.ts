import type { Redis } from 'ioredis';
import { saleKeys } from '#contract/redis-keys.ts';

/**
 * How many accepted orders wait in each sale's outbox, asked in one go: a thousand quiet sales cost one round trip. What a
 * relay has read and not moved yet is counted too. Null where the answer is an error.
 */
export async function outboxLengths(redis: Redis, saleIds: readonly string[]): Promise<Map<string, number | null>> {
  if (saleIds.length === 0) return new Map();
  const asking = redis.pipeline();
  for (const saleId of saleIds) asking.xlen(saleKeys(saleId).outbox);
  const answers = (await asking.exec()) ?? [];
  return new Map(
    saleIds.map((saleId, index) => {
      const [error, length] = answers[index] ?? [new Error('no answer'), null];
      return [saleId, error === null ? Number(length) : null];
    }),
  );
}
