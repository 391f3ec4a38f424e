import type { Redis } from 'ioredis';
import { saleKeys } from '#contract/redis-keys.ts';

/** How far a sale's accepted orders have come. */
export type SaleProgress = {
  /** Units up to which everything is settled: stored, or passed over by a rebuild. */
  behind: number;
  /** Units stored per second; null when nobody can say. */
  unitsPerSecond: number | null;
};

const freshMs = 200;
const windowMs = 10_000;
const shortestWindowMs = 1000;
const betweenSamplesMs = 500;

type Sample = { at: number; behind: number };
type Known = { readAt: number; reading: Promise<SaleProgress | null>; samples: Sample[] };

/**
 * Reads a sale's progress, at most every 200 ms however many ask, and measures by it how fast the sale's orders are
 * stored: over the last ten seconds in which somebody asked. Before it has seen a second of it, `drainLimit` (orders/s
 * that ops allow; null: unknown or none) is the best guess. Null: no such sale. `now` is a monotonic clock in ms.
 */
export function createSaleProgress(deps: { redis: Redis; drainLimit: () => number | null; now: () => number }) {
  const { redis, drainLimit, now } = deps;
  const sales = new Map<string, Known>();

  async function read(saleId: string, known: Known): Promise<SaleProgress | null> {
    const [committed, skipped] = await redis.hmget(saleKeys(saleId).sale, 'committed', 'skipped');
    if (committed == null && skipped == null) {
      sales.delete(saleId); // names that do not exist are not kept
      return null;
    }
    const behind = Number(committed) + Number(skipped);
    const at = now();
    const { samples } = known;
    const last = samples.at(-1);
    // A rebuild may set the count back, and nobody may have asked for long: what was seen before says nothing then.
    if (last !== undefined && (last.behind > behind || at - last.at > windowMs)) samples.length = 0;
    while (samples[1] !== undefined && at - samples[1].at >= windowMs) samples.shift();
    const first = samples[0];
    if (first === undefined || at - (samples.at(-1)?.at ?? 0) >= betweenSamplesMs) samples.push({ at, behind });
    if (first === undefined || at - first.at < shortestWindowMs) return { behind, unitsPerSecond: drainLimit() };
    const perSecond = ((behind - first.behind) * 1000) / (at - first.at);
    return { behind, unitsPerSecond: perSecond > 0 ? perSecond : null };
  }

  return {
    get(saleId: string): Promise<SaleProgress | null> {
      const known = sales.get(saleId) ?? {
        readAt: Number.NEGATIVE_INFINITY,
        reading: Promise.resolve(null),
        samples: [],
      };
      if (now() - known.readAt < freshMs) return known.reading;
      sales.set(saleId, known);
      known.readAt = now();
      known.reading = read(saleId, known);
      known.reading.catch(() => {
        known.readAt = Number.NEGATIVE_INFINITY; // whoever comes next asks again
      });
      return known.reading;
    },
  };
}
export type SaleProgressReader = ReturnType<typeof createSaleProgress>;
