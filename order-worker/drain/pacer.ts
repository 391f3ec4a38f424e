import type { Slowdown } from '#contract/drain.ts';

/**
 * Slows the drain down while what it writes to is in trouble, and lets it recover: additive increase, multiplicative
 * decrease (Chiu & Jain, "Analysis of the increase and decrease algorithms", 1989), on orders per second.
 *
 * Trouble is a batch that takes long, against what batches usually take here (as the long-term latency of Netflix'
 * concurrency-limits, Gradient2Limit.java), or a fault. A batch that is still under way counts with its age. Between
 * `slow` and `calm` nothing moves, and one bad moment alone does not count.
 */
export type Pacer = {
  /** A batch begins; call what it returns when it ended, well or not. */
  begin: () => () => void;
  /** The database or stock Redis failed. */
  fault: (says: string) => void;
  stored: (orders: number) => void;
  /** Every `tickMs`. `reference`: orders/s that ops allow, null for no limit. */
  tick: (reference: number | null) => void;
  /** Orders that may be taken now; Infinity when nothing is wrong. */
  allowance: () => number;
  took: (orders: number) => void;
  state: () => { limitPerSecond: number | null; slowdown: Slowdown | null; storedPerSecond: number; usualMs: number };
};

export const pacerTickMs = 500;

export function createPacer(deps: {
  /** Monotonic ms. */
  now: () => number;
  onSlowdown: (slowdown: Slowdown, limitPerSecond: number) => void;
  onFullSpeed: () => void;
}): Pacer {
  const { now, onSlowdown, onFullSpeed } = deps;
  const slowAtLeastMs = 250;
  const slowByFactor = 8;
  const open = new Set<{ since: number }>();
  let ended: number[] = [];
  let fault: string | null = null;
  /** What a batch usually takes: follows what is faster at once, what is slower over minutes. */
  let usualMs: number | null = null;
  let limit: number | null = null;
  let slowdown: Slowdown | null = null;
  let slowTicks = 0;
  let calmTicks = 0;
  let cutAt = Number.NEGATIVE_INFINITY;
  let storedNow = 0;
  let tickedAt = now();
  let storedPerSecond = 0;
  let highest = 200;
  let budget = 0;
  let filledAt = now();

  function measure(): void {
    const seconds = (now() - tickedAt) / 1000;
    tickedAt = now();
    if (seconds <= 0) return;
    // A window of about two seconds.
    storedPerSecond += (storedNow / seconds - storedPerSecond) * Math.min(1, seconds / 2);
    if (storedPerSecond < 0.05) storedPerSecond = 0;
    storedNow = 0;
    highest = Math.max(highest * 0.999, storedPerSecond);
  }

  function latency(): number | null {
    const oldest = Math.max(0, ...[...open].map((batch) => now() - batch.since));
    const mean = ended.length === 0 ? null : ended.reduce((sum, ms) => sum + ms, 0) / ended.length;
    ended = [];
    if (mean === null) return oldest > 0 ? oldest : null;
    const usual = usualMs ?? mean;
    // Never so long that nothing would be slow any more.
    usualMs = Math.min(mean < usual ? usual + (mean - usual) * 0.2 : Math.min(mean, usual * 1.01), slowAtLeastMs);
    return Math.max(mean, oldest);
  }

  function cut(why: Slowdown, reference: number, floor: number, latencyMs: number): void {
    // The batches that were under way at the last cut say nothing about it.
    if (now() - cutAt < Math.max(pacerTickMs, latencyMs)) return;
    cutAt = now();
    const before = limit ?? Math.min(reference, Math.max(storedPerSecond, floor));
    limit = Math.max(floor, before * (why.kind === 'errors' ? 0.5 : 0.7));
    if (slowdown?.kind !== why.kind) onSlowdown(why, limit);
    slowdown = why;
  }

  return {
    begin: () => {
      const batch = { since: now() };
      open.add(batch);
      return () => {
        if (open.delete(batch)) ended.push(now() - batch.since);
      };
    },
    fault: (says) => {
      fault = says;
    },
    stored: (orders) => {
      storedNow += orders;
    },
    tick: (set) => {
      measure();
      const reference = set ?? highest;
      const floor = Math.max(1, reference / 20);
      const ms = latency();
      const slowMs = Math.max(slowAtLeastMs, (usualMs ?? 0) * slowByFactor);
      slowTicks = ms !== null && ms > slowMs ? slowTicks + 1 : 0;
      calmTicks = fault === null && (ms === null || ms < slowMs / 2) ? calmTicks + 1 : 0;
      if (fault !== null) cut({ kind: 'errors', says: fault }, reference, floor, 0);
      else if (slowTicks >= 2 && ms !== null) {
        const says = `a batch takes ${Math.round(ms)} ms in PostgreSQL, usual is ${Math.round(usualMs ?? 0)} ms`;
        cut({ kind: 'slow', says }, reference, floor, ms);
      } else if (calmTicks >= 2 && limit !== null) {
        limit += reference / 20;
        if (limit >= reference) {
          limit = null;
          slowdown = null;
          onFullSpeed();
        }
      }
      fault = null;
    },
    allowance: () => {
      if (limit === null) return Number.POSITIVE_INFINITY;
      // A tenth of a second's worth at most, as for the rate itself.
      budget = Math.min(budget + ((now() - filledAt) / 1000) * limit, Math.max(1, limit / 10));
      filledAt = now();
      return Math.floor(budget);
    },
    took: (orders) => {
      budget = Math.max(0, budget - orders);
    },
    state: () => ({ limitPerSecond: limit, slowdown, storedPerSecond, usualMs: usualMs ?? 0 }),
  };
}
