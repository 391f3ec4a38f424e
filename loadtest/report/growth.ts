import type { Sample } from '../run/sampler.ts';

export type Growth = { name: string; early: number; late: number };

/**
 * What a leak looks like: the median of a gauge in the second quarter of the run (caches are warm, pools are open)
 * against that of the last quarter. Series with the prefix, without those of which there are too few readings.
 */
export function growthOf(samples: readonly Sample[], prefix: string): Growth[] {
  const names = new Set(samples.flatMap(({ gauges }) => Object.keys(gauges).filter((name) => name.startsWith(prefix))));
  const quarter = Math.floor(samples.length / 4);
  const medianIn = (name: string, from: number, to: number) => {
    const values = samples.slice(from, to).flatMap(({ gauges }) => gauges[name] ?? []);
    return values.length === 0 ? null : (values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? null);
  };
  return [...names].flatMap((name) => {
    const early = medianIn(name, quarter, quarter * 2);
    const late = medianIn(name, quarter * 3, samples.length);
    return early === null || late === null ? [] : [{ name: name.slice(prefix.length), early, late }];
  });
}
