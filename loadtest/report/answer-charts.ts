import type { Answers } from '../run/answers.ts';
import { getOr } from '../run/answers.ts';
import type { Axis } from './axis.ts';
import { pointOf } from './axis.ts';
import { percentile } from './percentile.ts';
import { routesOf } from './phases.ts';
import type { Chart, Phase, RouteRow } from './report.ts';

/** Every route over the whole run, the busiest first. */
export function routeRows(answers: Answers): RouteRow[] {
  const all = new Map<string, { ms: number[]; outcomes: Record<string, number> }>();
  for (const routes of answers.seconds.values()) {
    for (const [route, { outcomes, ms }] of routes) {
      const row = getOr(all, route, () => ({ ms: [] as number[], outcomes: {} as Record<string, number> }));
      for (const value of ms) row.ms.push(value);
      for (const [outcome, count] of outcomes) row.outcomes[outcome] = (row.outcomes[outcome] ?? 0) + count;
    }
  }
  return [...all]
    .map(([route, { ms, outcomes }]) => {
      const sorted = Float64Array.from(ms).sort();
      const at = (share: number) => percentile(sorted, share);
      return { route, count: ms.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1), outcomes };
    })
    .sort((a, b) => b.count - a.count);
}

/** Requests a second by outcome, and latency by route: what the shoppers saw. */
export function answerCharts(axis: Axis, answers: Answers): Chart[] {
  const outcomes = new Map<string, number[]>();
  const durations = new Map<string, number[][]>();
  for (const [second, routes] of answers.seconds) {
    const point = pointOf(axis, second * 1000 + 500);
    if (point === null) continue;
    for (const [route, each] of routes) {
      for (const [outcome, count] of each.outcomes) {
        const counts = getOr(outcomes, outcome, () => new Array<number>(axis.points).fill(0));
        counts[point] = (counts[point] ?? 0) + count;
      }
      const points = getOr(durations, route, () => Array.from({ length: axis.points }, () => [] as number[]));
      for (const value of each.ms) points[point]?.push(value);
    }
  }
  const latency = (share: number) =>
    [...durations].map(([route, points]) => ({
      label: route,
      values: points.map((ms) => (ms.length === 0 ? null : percentile(Float64Array.from(ms).sort(), share))),
    }));
  return [
    {
      title: 'Requests by outcome',
      unit: 'a second',
      series: [...outcomes]
        .sort(([, a], [, b]) => total(b) - total(a))
        .map(([label, counts]) => ({ label, values: counts.map((count) => count / axis.pointSeconds) })),
    },
    { title: 'Latency by route, 50th percentile', unit: 'ms', series: latency(0.5) },
    { title: 'Latency by route, 99th percentile', unit: 'ms', series: latency(0.99) },
  ];
}

const titles: Record<Phase['name'], string> = {
  tickets: 'Tickets: challenges and tickets by outcome',
  press: 'Press: purchases by outcome',
};

/** Requests a second of one phase, by outcome; by route, too, where it has several. */
export function phaseChart(axis: Axis, answers: Answers, name: Phase['name']): Chart {
  const series = new Map<string, number[]>();
  for (const [second, routes] of answers.seconds) {
    const point = pointOf(axis, second * 1000 + 500);
    if (point === null) continue;
    for (const route of routesOf[name]) {
      for (const [outcome, count] of routes.get(route)?.outcomes ?? []) {
        const label = routesOf[name].length > 1 ? `${route} ${outcome}` : outcome;
        const counts = getOr(series, label, () => new Array<number>(axis.points).fill(0));
        counts[point] = (counts[point] ?? 0) + count;
      }
    }
  }
  return {
    title: titles[name],
    unit: 'a second',
    series: [...series]
      .sort(([, a], [, b]) => total(b) - total(a))
      .map(([label, counts]) => ({ label, values: counts.map((count) => count / axis.pointSeconds) })),
  };
}

const total = (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number, 0);
