/** A schedule of tries that grows: `tries` in all, waits from `firstMs` to `longestMs` between them. */
export type GrowingWait = { tries: number; firstMs: number; longestMs: number };

/**
 * How long to wait after try number `attempt` (1 is the first) before the next one, in ms: grows geometrically, so that
 * the last of the waits is `longestMs`. `random` (0 up to 1) spreads it by a tenth either way, so that what failed together
 * does not come back together.
 */
export function growingWaitMs(
  { tries, firstMs, longestMs }: GrowingWait,
  attempt: number,
  random: () => number,
): number {
  const waits = tries - 1;
  const factor = waits < 2 ? 1 : (longestMs / firstMs) ** (1 / (waits - 1));
  const wait = Math.min(longestMs, firstMs * factor ** (attempt - 1));
  return Math.round(wait * (0.9 + random() * 0.2));
}
