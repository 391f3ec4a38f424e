/** Unix seconds, from `since` on and before `until`. */
export type Gap = { since: number; until: number };

/** All of time but the seconds of these timers (see contract/expiry-timer.ts), oldest first. */
export function gapsBetween(timers: readonly number[]): Gap[] {
  const gaps: Gap[] = [];
  let since = Number.NEGATIVE_INFINITY;
  for (const second of new Set([...timers].sort((a, b) => a - b))) {
    if (since < second - 1) gaps.push({ since, until: second - 1 });
    since = second;
  }
  return [...gaps, { since, until: Number.POSITIVE_INFINITY }];
}
