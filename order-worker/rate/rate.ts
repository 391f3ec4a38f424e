import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

/** The reply codes of hand-out.lua, by their names there; `scripts.test.ts` compares the two. */
export const replies = { 'hand-out': { ALLOWED: 1, PAUSED: -1, UNKNOWN: -2 } } as const;

const lua = readFileSync(new URL('./scripts/hand-out.lua', import.meta.url), 'utf8');

/** Time in which orders waited and no worker took them is made up for up to here: what a busy machine needs, no more. */
const sliceMicros = 200_000;

/** Orders a second, over all workers; null: uncapped. */
export type RateSettings = { ratePerSecond: number | null; paused: boolean };

export type HandedOut =
  /** Go on with `count` of them; `waitMs` until the next one is due. */
  | { kind: 'allowed'; count: number; waitMs: number }
  | { kind: 'paused' }
  /** Neither this worker nor any other has ever said how fast: nothing is handed out. */
  | { kind: 'unknown' };

/**
 * A rate that all workers keep together, in `bucketKey` of queue Redis: orders are handed out, not jobs. Rejects while queue
 * Redis gives no answer.
 */
export type SharedRate = {
  /** `isIdle`: no order has waited since this worker asked last. Null settings: as fast as another worker said. */
  handOut: (asked: number, settings: RateSettings | null, isIdle?: boolean) => Promise<HandedOut>;
};

export function createSharedRate(redis: Redis, bucketKey: string): SharedRate {
  redis.defineCommand('handOut', { numberOfKeys: 1, lua });
  // Added by defineCommand, unknown to the types; the script replies with three numbers.
  const run = Reflect.get(redis, 'handOut').bind(redis) as (...args: (string | number)[]) => Promise<unknown[]>;
  return {
    async handOut(asked, settings, isIdle = false) {
      const rate = settings === null ? '' : (settings.ratePerSecond ?? 0);
      const paused = settings?.paused === true ? 1 : 0;
      const reply = await run(bucketKey, asked, rate, paused, sliceMicros, isIdle ? 1 : 0);
      const [code, count = 0, waitMicros = 0] = reply.map(Number);
      if (code === replies['hand-out'].PAUSED) return { kind: 'paused' };
      if (code === replies['hand-out'].UNKNOWN) return { kind: 'unknown' };
      return { kind: 'allowed', count, waitMs: waitMicros / 1000 };
    },
  };
}
