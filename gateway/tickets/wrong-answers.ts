/** To one challenge; then a new one is needed. People mistype. */
const perChallenge = 5;
/** Of one user in a window, over all challenges: new ones are free. */
const perUser = 20;
/** As long as a challenge lives. */
const windowMs = 300_000;
/** Challenges, and users, that are remembered. At most a few MB each. */
const maxRemembered = 50_000;

/** A new challenge can be had at once: its limit sends the shopper there, and not to the end of the old one. */
const toNextChallengeMs = 1000;

/** Why an answer is not looked at, and after how many ms another one is: to a new challenge, in both cases. */
export type TooMany = { of: 'challenge' | 'user'; waitMs: number };

/**
 * Slows down who tries answers: after 5 wrong ones to a challenge, or 20 of a user within 5 minutes, no further one is
 * looked at. Kept in this process alone: several gateways count each for itself. Bounded: with 50,000 of a kind the
 * oldest goes.
 */
export function createWrongAnswers() {
  const challenges = createCounts(perChallenge);
  const users = createCounts(perUser);
  return {
    /** Null: the answer may be judged. `nowMs` is Unix ms, of one clock. */
    tooMany(userId: string, challengeId: string, nowMs: number): TooMany | null {
      const ofUser = users.waitMs(userId, nowMs);
      if (ofUser > 0) return { of: 'user', waitMs: ofUser };
      return challenges.waitMs(challengeId, nowMs) > 0 ? { of: 'challenge', waitMs: toNextChallengeMs } : null;
    },
    /** Only of challenges that are ours: a made-up one would fill the memory. */
    count(userId: string, challengeId: string, nowMs: number): void {
      users.count(userId, nowMs);
      challenges.count(challengeId, nowMs);
    },
  };
}

/** Counts by key within a window that begins with a key's first count. In order of their end: the first ends first. */
function createCounts(limit: number) {
  const counts = new Map<string, { count: number; untilMs: number }>();
  return {
    waitMs(key: string, nowMs: number): number {
      const entry = counts.get(key);
      return entry === undefined || entry.count < limit ? 0 : Math.max(0, entry.untilMs - nowMs);
    },
    count(key: string, nowMs: number): void {
      const entry = counts.get(key);
      if (entry !== undefined && entry.untilMs > nowMs) {
        entry.count += 1;
        return;
      }
      counts.delete(key);
      counts.set(key, { count: 1, untilMs: nowMs + windowMs });
      for (const [oldest, { untilMs }] of counts) {
        if (untilMs > nowMs && counts.size <= maxRemembered) break;
        counts.delete(oldest);
      }
    },
  };
}
