import { setTimeout as wait } from 'node:timers/promises';
import type { SharedRate } from '../rate/rate.ts';
import type { AskQueue } from './ask-queue.ts';

/** Asked more often, the rate would make many small transactions of few large ones. */
const paceMs = 100;

/** Leave to expire orders, handed out to all that expire some. */
export type Permits = {
  /** Waits until one order may expire at least, and returns how many of `asked` may. */
  take: (asked: number) => Promise<number>;
  /** Waits until as many more may expire. */
  takeAll: (asked: number) => Promise<void>;
};

/**
 * `perSecond` orders over all workers. The asks of one worker stand in line, a tenth of a second apart, so that each is handed out
 * a batch. Without queue Redis each worker keeps the rate by itself.
 */
export function createPermits(deps: { rate: SharedRate; ask: AskQueue; perSecond: number }): Permits {
  const { rate, ask, perSecond } = deps;
  const settings = { ratePerSecond: perSecond, paused: false };
  let askedAt = Number.NEGATIVE_INFINITY;
  let line: Promise<unknown> = Promise.resolve();

  async function handOut(asked: number): Promise<number> {
    for (;;) {
      await wait(Math.max(0, askedAt + paceMs - performance.now()));
      askedAt = performance.now();
      const handed = await ask(() => rate.handOut(asked, settings), null);
      if (handed === null) {
        const count = Math.min(asked, Math.ceil((perSecond * paceMs) / 1000));
        await wait((count * 1000) / perSecond);
        return count;
      }
      if (handed.kind === 'allowed' && handed.count > 0) return handed.count;
    }
  }

  function take(asked: number): Promise<number> {
    const turn = line.then(() => handOut(asked));
    line = turn.catch(() => undefined);
    return turn;
  }

  return {
    take,
    takeAll: async (asked) => {
      for (let left = asked; left > 0; ) left -= await take(left);
    },
  };
}
