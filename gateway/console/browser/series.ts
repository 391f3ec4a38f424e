import { type SaleColumn, type SaleMoment, saleColumns } from '../sample.ts';

/** One chart's data as uPlot takes it: seconds, then a column for each line; null is a gap. */
export type Columns = [times: number[], ...lines: (number | null)[][]];

const keptMs = 3_600_000;
const indexOf = Object.fromEntries(saleColumns.map((name, index) => [name, index])) as Record<SaleColumn, number>;

export const columnOf = (moment: SaleMoment | undefined, column: SaleColumn): number | null =>
  moment?.[1][indexOf[column]] ?? null;

/** What a counter grew by a second between two moments; null across a restart (it fell) or where one is unknown. */
export function perSecond(was: number | null, is: number | null, ms: number): number | null {
  return was === null || is === null || is < was || ms <= 0 ? null : ((is - was) * 1000) / ms;
}

/** The moments of one sale, oldest first, an hour at most. */
export function createSeries() {
  let moments: SaleMoment[] = [];

  /** `values` of each moment and the one before it. */
  const columns = (
    lines: number,
    values: (is: SaleMoment, was: SaleMoment | undefined) => (number | null)[],
  ): Columns => {
    const rows = moments.map((is, nth) => values(is, moments[nth - 1]));
    const ofLine = (line: number) => rows.map((row) => row[line] ?? null);
    return [moments.map(([at]) => at / 1000), ...Array.from({ length: lines }, (_, line) => ofLine(line))];
  };
  const rate = (column: SaleColumn) => (is: SaleMoment, was: SaleMoment | undefined) =>
    was === undefined ? null : perSecond(columnOf(was, column), columnOf(is, column), is[0] - was[0]);

  return {
    reset: (history: SaleMoment[]) => {
      moments = history;
    },
    add: (moment: SaleMoment) => {
      if (moment[0] <= (moments.at(-1)?.[0] ?? 0)) return;
      moments.push(moment);
      while (moments[0] !== undefined && moments[0][0] < moment[0] - keptMs) moments.shift();
    },
    first: () => moments[0],
    last: () => moments.at(-1),

    /** The moment that was the newest at `atMs`, and the one about five seconds before it. */
    at(atMs: number): { is: SaleMoment | undefined; before: SaleMoment | undefined } {
      const after = moments.findIndex(([at]) => at > atMs);
      const nth = after < 0 ? moments.length - 1 : after - 1;
      return { is: moments[nth], before: moments[Math.max(0, nth - 5)] };
    },

    rates: (names: readonly SaleColumn[]): Columns =>
      columns(names.length, (is, was) => names.map((name) => rate(name)(is, was))),
    values: (names: readonly SaleColumn[]): Columns =>
      columns(names.length, (is) => names.map((name) => columnOf(is, name))),
    /** The reasons that ever came up, the most frequent first, at most `most`. */
    shedReasons: (most: number): string[] =>
      Object.entries(moments.at(-1)?.[2] ?? {})
        .filter(([, total]) => total > 0)
        .sort(([, a], [, b]) => b - a)
        .slice(0, most)
        .map(([reason]) => reason),
    shedRates: (reasons: readonly string[]): Columns =>
      columns(reasons.length, (is, was) =>
        reasons.map((reason) =>
          was?.[2] == null || is[2] === null
            ? null
            : perSecond(was[2][reason] ?? 0, is[2][reason] ?? 0, is[0] - was[0]),
        ),
      ),
  };
}
export type Series = ReturnType<typeof createSeries>;
