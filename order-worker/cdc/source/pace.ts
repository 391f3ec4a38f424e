/** After a pause, what this time would have brought may come at once. */
const burstSeconds = 0.1;

/**
 * A limit of how many are taken a second. Each call takes one and returns how long to wait before the next, ms: 0 until the limit is
 * reached. `perSecond` null: there is no limit.
 */
export function createPace(perSecond: number | null, now: () => number): () => number {
  if (perSecond === null) return () => 0;
  const eachMs = 1000 / perSecond;
  let dueMs = Number.NEGATIVE_INFINITY; // of the next, had they come evenly
  return () => {
    const at = now();
    dueMs = Math.max(dueMs, at - burstSeconds * 1000) + eachMs;
    return Math.max(0, dueMs - at);
  };
}
