import type { Stock } from '#stock/stock.ts';

/** A slower answer says too little about the other clock. */
const goodRoundTripMs = 100;

export type StockClock = ReturnType<typeof createStockClock>;

/**
 * What stock Redis' clock shows, counted on from its last reading by this process' own steady clock. It is behind the
 * truth by at most the round trip of that reading, and never ahead of it: a deadline told by it never comes too late.
 */
export function createStockClock(stock: Pick<Stock, 'clock'>, steady: () => number = () => performance.now()) {
  let ahead: number | null = null;

  return {
    /** Reads it over the connection. The best of a few readings counts; a slow one does not replace a good one. */
    async read(times = 1): Promise<void> {
      let best: { roundTripMs: number; ahead: number } | null = null;
      for (let reading = 0; reading < times; reading += 1) {
        const asked = steady();
        const theirs = await stock.clock();
        const heard = steady();
        const roundTripMs = heard - asked;
        if (best === null || roundTripMs < best.roundTripMs) best = { roundTripMs, ahead: theirs - heard };
        if (roundTripMs < 1) break;
      }
      if (best !== null && (ahead === null || times > 1 || best.roundTripMs <= goodRoundTripMs)) ahead = best.ahead;
    },

    /** Unix ms on that clock; null before the first reading. */
    now: (): number | null => (ahead === null ? null : steady() + ahead),
  };
}
