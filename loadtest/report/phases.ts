import type { Answers } from '../run/answers.ts';
import { percentile } from './percentile.ts';
import type { Phase } from './report.ts';

/** The two phases of a crowd's way, and the routes of each. */
export const routesOf: Record<Phase['name'], readonly string[]> = { tickets: ['challenge', 'ticket'], press: ['buy'] };

/** Both phases, or the one that there was: what its requests met, and how the shoppers fared who asked for a ticket. */
export function phasesOf(answers: Answers, startedAtMs: number, planned: number): Phase[] {
  const names = Object.keys(routesOf) as Phase['name'][]; // its own keys
  return names.flatMap((name) => phaseOf(name, answers, startedAtMs, planned) ?? []);
}

function phaseOf(name: Phase['name'], answers: Answers, startedAtMs: number, planned: number): Phase | null {
  const ms: number[] = [];
  const refused: Record<string, number> = {};
  const bySecond = new Map<number, number>();
  for (const [second, routes] of answers.seconds) {
    for (const route of routesOf[name]) {
      const told = routes.get(route);
      if (told === undefined) continue;
      for (const value of told.ms) ms.push(value);
      bySecond.set(second, (bySecond.get(second) ?? 0) + told.ms.length);
      for (const [outcome, count] of told.outcomes) {
        if (outcome !== 'ACCEPTED' && !/^\d+$/.test(outcome)) refused[outcome] = (refused[outcome] ?? 0) + count;
      }
    }
  }
  if (ms.length === 0) return null;
  const seconds = [...bySecond.keys()];
  const from = seconds.reduce((least, second) => Math.min(least, second), Number.POSITIVE_INFINITY);
  const to = seconds.reduce((most, second) => Math.max(most, second), 0) + 1;
  const most = [...bySecond.values()].reduce((found, count) => Math.max(found, count), 0);
  const { waysMs, missed } = answers.tickets;
  const didNot = Object.fromEntries(missed);
  const asked = waysMs.length + Object.values(didNot).reduce((sum, count) => sum + count, 0);
  return {
    name,
    fromSeconds: Math.max(0, from - startedAtMs / 1000),
    toSeconds: to - startedAtMs / 1000,
    requests: ms.length,
    perSecondMean: ms.length / (to - from),
    perSecondMost: most,
    ...latenciesOf(ms),
    refused,
    shoppers:
      name === 'tickets' ? { planned, asked, got: waysMs.length, missed: didNot, way: latenciesOf(waysMs) } : null,
  };
}

function latenciesOf(ms: readonly number[]): Record<'p50' | 'p90' | 'p99' | 'max', number> {
  const sorted = Float64Array.from(ms).sort();
  const at = (share: number) => percentile(sorted, share);
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}
