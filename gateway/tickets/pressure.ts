import type { Work } from '#contract/challenge.ts';

/** Up to here a machine's work stays a blink: 16 rounds of 2^12 hashes, about 65,000. */
const calm: Work = { rounds: 16, bits: 12 };
/** The most: two million hashes, a few seconds on a phone. */
const hardestBits = 17;
const windowMs = 2000;

/**
 * How much work a challenge asks for now. Everyone who comes through this edge asks its gateway for a challenge, so the
 * rate of challenges is the edge's pressure: twice the rate above `calmPerSecond`, twice the work.
 */
export function createPressure(calmPerSecond: number) {
  let windowStartMs = Number.NEGATIVE_INFINITY;
  let asked = 0;
  let perSecond = 0;

  return {
    /** Counts one challenge and says what it should cost. `nowMs` is Unix ms. */
    workFor(nowMs: number): Work {
      if (nowMs - windowStartMs >= windowMs) {
        // A window that nobody asked in for long was a quiet one.
        perSecond = nowMs - windowStartMs >= 2 * windowMs ? 0 : (asked * 1000) / (nowMs - windowStartMs);
        windowStartMs = nowMs;
        asked = 0;
      }
      asked += 1;
      // The window under way counts as soon as it is above the last one: a crowd arrives at once.
      const rate = Math.max(perSecond, (asked * 1000) / windowMs);
      const extra = Math.floor(Math.log2(Math.max(1, rate / calmPerSecond)));
      return { rounds: calm.rounds, bits: Math.min(hardestBits, calm.bits + extra) };
    },
  };
}
