import type { Answer } from './answer.ts';

/** What a shopper's waiting stands on; `pause` may let others go on meanwhile. */
export type Waits = {
  pause: (ms: number) => Promise<void>;
  nowMs: () => number;
  random: () => number;
  /** Told before each wait. */
  onRepeat: () => void;
};

const patienceMs = 60_000;
const longestNotOpenSeconds = 5;
/** Waiting helps with these. */
const waitsOut = new Set<unknown>(['RATE_LIMITED', 'BUSY', 'UNAVAILABLE']);

/**
 * Whether a page would ask again: after a lost answer (null), a bare 5xx, and what passes by itself; a purchase that is a
 * moment too early, too.
 */
export function isWorthWaiting(reply: Answer | null, isPurchase = false): boolean {
  if (reply === null || waitsOut.has(reply.body.code)) return true;
  if (reply.body.code === 'NOT_OPEN') return isPurchase && reply.retryAfterSeconds <= longestNotOpenSeconds;
  return reply.body.code === undefined && (reply.status >= 500 || reply.status === 429);
}

/** The page's own waits: half a second, doubled up to eight, at least what Retry-After says, never in step. */
export function waitMs(attempt: number, reply: Answer | null, random: () => number): number {
  const grown = Math.min(8000, 500 * 2 ** attempt) * (0.5 + random() / 2);
  const asked = reply?.retryAfterSeconds ?? 0;
  return asked > 0 ? Math.max(grown, asked * 1000 + random() * 500) : grown;
}

/**
 * Asks as the page does (gateway/pages/browser/purchase.ts): until there is an answer that means something, or for a
 * minute. The last reply comes back either way; null when it was lost: no connection, no answer in time, no JSON.
 */
export async function askPatiently(
  { pause, nowMs, random, onRepeat }: Waits,
  ask: (attempt: number) => Promise<Answer>,
  isPurchase = false,
): Promise<Answer | null> {
  const untilMs = nowMs() + patienceMs;
  for (let attempt = 0; ; attempt += 1) {
    const reply = await ask(attempt + 1).catch(() => null);
    if (!isWorthWaiting(reply, isPurchase)) return reply;
    const isEarly = attempt < 10 && reply?.body.code === 'NOT_OPEN';
    const ms = isEarly ? 80 + random() * 120 : waitMs(attempt, reply, random);
    if (nowMs() + ms >= untilMs) return reply;
    onRepeat();
    await pause(ms);
  }
}
