import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describeFault, type RoundPlan, type Victim } from './plan.ts';
import type { RoundResult } from './round.ts';

export type PlayedRound = { plan: RoundPlan; result: RoundResult };

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

/** One line about a round, for whoever watches. */
export function roundLine({ plan, result }: PlayedRound): string {
  const { counts, problems, met, tookMs, recoveredMs } = result;
  const answers = `${counts.tickets} tickets: ${counts.yes} yes, ${counts.no} no, ${counts.unknown} unknown`;
  const verdict = problems.length === 0 ? 'ok  ' : 'FAIL';
  const faults = [plan.faults.map(describeFault).join(' + '), ...met].join('; ');
  return `${verdict} ${String(plan.round).padStart(3)} ${seconds(tookMs)} (well after ${seconds(recoveredMs)}) ${answers}, ${counts.left} left open; ${counts.bought} bought of ${plan.storm.units} units | ${faults}`;
}

/** How often each fault met each victim, and in how many rounds that failed. */
export function countFaults(played: readonly PlayedRound[]): Record<string, { rounds: number; failed: number }> {
  const faults: Record<string, { rounds: number; failed: number }> = {};
  for (const { plan, result } of played) {
    for (const { kind, victim } of plan.faults) {
      const count = faults[`${kind} ${victim}`] ?? { rounds: 0, failed: 0 };
      count.rounds += 1;
      if (result.problems.length > 0) count.failed += 1;
      faults[`${kind} ${victim}`] = count;
    }
  }
  return Object.fromEntries(Object.entries(faults).sort(([a], [b]) => a.localeCompare(b)));
}

/** The command that plays a round of the run once more. `among`: the victims that the run was about, null for all. */
export function replayLine(run: { seed: number; round: number; among: readonly Victim[] | null }): string {
  const about = run.among === null ? '' : ` --victims ${run.among.join(',')}`;
  return `npm run test:chaos --${about} --seed ${run.seed} --only ${run.round}`;
}

export function summaryLines(run: {
  seed: number;
  played: readonly PlayedRound[];
  late: readonly string[];
  replayOf: (round: number) => string;
}): string[] {
  const { seed, played, late, replayOf } = run;
  const failed = played.filter(({ result }) => result.problems.length > 0);
  const tookMs = played.reduce((sum, { result }) => sum + result.tookMs, 0);
  return [
    ...Object.entries(countFaults(played)).map(
      ([fault, { rounds, failed: bad }]) => `${fault.padEnd(28)} ${rounds} rounds${bad > 0 ? `, ${bad} FAILED` : ''}`,
    ),
    `${played.length} rounds in ${seconds(tookMs)}, ${failed.length} failed${late.length > 0 ? `, and ${late.length} sales did not balance afterwards` : ''}; seed ${seed}`,
    ...failed.map(({ plan }) => `replay: ${replayOf(plan.round)}`),
  ];
}

/** What the report of rounds of either kind begins with. `late`: found after the last round, one failure more. */
export function countsOf(
  seed: number,
  played: readonly { result: { tookMs: number; problems: readonly string[] } }[],
  late: readonly string[],
) {
  const failed = played.filter(({ result }) => result.problems.length > 0).length;
  return {
    seed,
    rounds: played.length,
    passed: played.length - failed,
    failed: failed + (late.length > 0 ? 1 : 0),
    tookMs: Math.round(played.reduce((sum, { result }) => sum + result.tookMs, 0)),
  };
}

export async function saveReport(file: string, report: object): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
}

/** `late`: what was found after the last round; it counts as one failure more. */
export async function writeReport(
  file: string,
  seed: number,
  played: readonly PlayedRound[],
  late: readonly string[],
): Promise<void> {
  const failed = played.filter(({ result }) => result.problems.length > 0);
  const report = {
    ...countsOf(seed, played, late),
    faults: countFaults(played),
    failures: failed.map(({ plan, result }) => ({
      round: plan.round,
      faults: plan.faults.map(describeFault),
      problems: result.problems,
    })),
    late,
  };
  await saveReport(file, report);
}
