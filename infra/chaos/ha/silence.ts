/** A silence that is shorter is the crowd's own, and the machine's that all of it runs on. */
const noticedMs = 1000;

/** `afterMs`: from the fault to the end of the silence; `forMs`: how long the silence was. */
export type Silence = { afterMs: number; forMs: number };

/**
 * The longest silence that ends after a fault, by the moments (ms of one clock, in order) at which shoppers were told yes.
 * Null when there was none: shoppers noticed nothing. A silence that has not ended by `untilMs` ends there; what was sold
 * out before the fault tells nothing.
 */
export function silenceAfter(yesAtMs: readonly number[], faultAtMs: number, untilMs: number): Silence | null {
  if (untilMs <= faultAtMs) return null;
  const ends = [...yesAtMs.filter((at) => at > faultAtMs && at < untilMs), untilMs];
  let before = yesAtMs.findLast((at) => at <= faultAtMs) ?? faultAtMs;
  let longest: Silence = { afterMs: 0, forMs: 0 };
  for (const at of ends) {
    if (at - before > longest.forMs) longest = { forMs: at - before, afterMs: at - faultAtMs };
    before = at;
  }
  return longest.forMs < noticedMs ? null : longest;
}

/** The value below which that share of them lies (nearest rank); null of nothing. */
export function percentile(values: readonly number[], share: number): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null;
}
