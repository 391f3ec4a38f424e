import type { SaleMoment } from './sample.ts';

const keptMs = 3_600_000;
/** A second each; a clock that is set back must not make it endless. */
const maxMoments = 3700;

/**
 * The last hour of each sale, in memory: a moment is written as JSON once, when it comes, and whoever looks back gets the
 * same text. A sale that nothing was heard of for an hour is forgotten. history-store.ts has what was before this process.
 */
export function createHistory() {
  const sales = new Map<string, { at: number; json: string }[]>();
  return {
    add(saleId: string, moment: SaleMoment): void {
      const moments = sales.get(saleId) ?? [];
      sales.set(saleId, moments);
      moments.push({ at: moment[0], json: JSON.stringify(moment) });
      if (moments.length > maxMoments) moments.shift();
    },

    forgetBefore(nowMs: number): void {
      for (const [saleId, moments] of sales) {
        const first = moments.findIndex(({ at }) => at > nowMs - keptMs);
        if (first < 0) sales.delete(saleId);
        else if (first > 0) moments.splice(0, first);
      }
    },

    /** A JSON list of {@link SaleMoment}s, oldest first. */
    of: (saleId: string): string => `[${(sales.get(saleId) ?? []).map(({ json }) => json).join(',')}]`,
  };
}
export type History = ReturnType<typeof createHistory>;
