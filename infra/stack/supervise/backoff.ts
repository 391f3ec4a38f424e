const firstMs = 200;
const longestMs = 5_000;
const healthyLifeMs = 30_000;

/** Milliseconds to wait before restart number `failures` (1 is the first) in a row: 200, 400, … 5000. */
export function backoffMs(failures: number): number {
  return Math.min(longestMs, firstMs * 2 ** Math.max(0, Math.min(failures - 1, 20)));
}

/** Deaths in a row after one more: a process that lived `lifeMs` long enough starts again at one. */
export function nextFailures(failures: number, lifeMs: number): number {
  return lifeMs >= healthyLifeMs ? 1 : failures + 1;
}
