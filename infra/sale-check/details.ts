import { type DrainReport, drainKeys, readDrainReports } from '#contract/drain.ts';
import type { CollectedDetail } from '#contract/sale.ts';
import type { Redis } from '#runtime/redis/connect.ts';
import { type Found, fail, pass, warn } from './finding.ts';

/** Whether every order-worker can seal what the sale collects: else shoppers of that worker cannot give it, and cannot pay. */
export async function checkDetails(queueRedis: Redis, collect: readonly CollectedDetail[]): Promise<Found> {
  return judgeDetailsKeys(readDrainReports(await queueRedis.hgetall(drainKeys.reports), Date.now()), collect);
}

export function judgeDetailsKeys(
  reports: readonly Pick<DrainReport, 'worker' | 'canSealDetails'>[],
  collect: readonly CollectedDetail[],
): Found {
  const asked = collect.join(', ');
  if (reports.length === 0)
    return warn(`${asked}: no order-worker has reported whether it has a key`, 'seckill status');
  const without = reports.filter(({ canSealDetails }) => canSealDetails !== true).map(({ worker }) => worker);
  if (without.length === 0) return pass(`${asked}: every order-worker has a key to seal them with`);
  const says = `${asked} cannot be sealed by ${without.sort().join(', ')}: shoppers cannot give them, and cannot pay`;
  return fail(says, 'set SECKILL_PERSONAL_KEYS on every order-worker (docs/personal-data.md)');
}
