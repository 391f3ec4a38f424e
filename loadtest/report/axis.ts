import type { Sample } from '../run/sampler.ts';

/** A million seconds would be a large file: above so many points, each stands for several seconds. */
const maxPoints = 600;

export type Axis = { fromMs: number; pointSeconds: number; points: number };

export function makeAxis(fromMs: number, toMs: number): Axis {
  const all = Math.max(1, Math.ceil((toMs - fromMs) / 1000));
  const pointSeconds = Math.ceil(all / maxPoints);
  return { fromMs, pointSeconds, points: Math.ceil(all / pointSeconds) };
}

export const axisTimes = ({ points, pointSeconds }: Axis): number[] =>
  Array.from({ length: points }, (_, index) => index * pointSeconds);

/** The point that a moment belongs to, or null when it lies outside. */
export function pointOf({ fromMs, pointSeconds, points }: Axis, atMs: number): number | null {
  const index = Math.floor((atMs - fromMs) / 1000 / pointSeconds);
  return index < 0 || index >= points ? null : index;
}

/** Gauges by series: the last value of each point. */
export function gaugeSeries(axis: Axis, samples: readonly Sample[], name: string): (number | null)[] {
  const values = new Array<number | null>(axis.points).fill(null);
  for (const { atMs, gauges } of samples) {
    const point = pointOf(axis, atMs);
    if (point !== null) values[point] = gauges[name] ?? values[point] ?? null;
  }
  return values;
}

/**
 * Counters by series, as a rate a second: what was added between one reading and the next, over the time between them.
 * A counter that falls has begun anew (its process started again), and gives nothing for that moment.
 */
export function rateSeries(axis: Axis, samples: readonly Sample[], name: string): (number | null)[] {
  const added = new Array<number>(axis.points).fill(0);
  const elapsed = new Array<number>(axis.points).fill(0);
  let before: { atMs: number; value: number } | null = null;
  for (const { atMs, counters } of samples) {
    const value = counters[name];
    if (value === undefined) continue;
    const point = pointOf(axis, atMs);
    if (before !== null && point !== null && value >= before.value) {
      added[point] = (added[point] ?? 0) + value - before.value;
      elapsed[point] = (elapsed[point] ?? 0) + (atMs - before.atMs) / 1000;
    }
    before = { atMs, value };
  }
  return added.map((sum, index) => {
    const seconds = elapsed[index] ?? 0;
    return seconds === 0 ? null : sum / seconds;
  });
}
