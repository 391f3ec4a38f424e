import type { Work } from '#contract/challenge.ts';

/** Up to here a machine's work stays a blink: 16 rounds of 2^12 hashes, about 65,000. */
const calm: Work = { rounds: 16, bits: 12 };
/** The most: two million hashes, a few seconds on a phone. */
const hardestBits = 17;
const windowMs = 2000;
/** Users a second up to whom work stays calm. */
export const defaultCalmPerSecond = 200;

/**
 * How much work a challenge asks for now: twice the users above `calmPerSecond`, twice the work. Counted are users who
 * could buy, at this edge: they are signed in and ask for the challenge of a sale that gives one. Each counts once in a
 * window of 2 s by the clock, so that no user makes it dearer for the others by asking again. As many are remembered as
 * make a difference: 12,800 at 200 a second. Its twin, for what the edge answers, is nginx-lua/lua/seckill/office/pressure.lua.
 */
export function createPressure(calmPerSecond: number) {
  const maxUsers = (calmPerSecond * 2 ** (hardestBits - calm.bits) * windowMs) / 1000;
  let window = Number.NEGATIVE_INFINITY;
  let users = new Set<string>();
  let usersBefore = 0;

  return {
    /** Counts this user and says what a challenge should cost. `nowMs` is Unix ms. */
    workFor(userId: string, nowMs: number): Work {
      const nowWindow = Math.floor(nowMs / windowMs);
      if (nowWindow !== window) {
        // A window without a request was a quiet one.
        usersBefore = nowWindow === window + 1 ? users.size : 0;
        window = nowWindow;
        users = new Set();
      }
      if (users.size < maxUsers) users.add(userId);
      // The window under way counts as soon as it is above the last one: a crowd arrives at once.
      const rate = (Math.max(usersBefore, users.size) * 1000) / windowMs;
      const extra = Math.floor(Math.log2(Math.max(1, rate / calmPerSecond)));
      return { rounds: calm.rounds, bits: Math.min(hardestBits, calm.bits + extra) };
    },
  };
}
