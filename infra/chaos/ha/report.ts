import { countsOf, saveReport } from '../report.ts';
import { cardOf, describeHaFault, type HaKind, type HaRound, kinds } from './plan.ts';
import type { HaResult } from './round.ts';
import { percentile } from './silence.ts';

export type PlayedHaRound = { plan: HaRound; result: HaResult };
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
const secondsOrNone = (ms: number | null) => (ms === null ? '-' : seconds(ms));

/** One line about a round, for a person who watches. */
export function roundLine({ plan, result }: PlayedHaRound): string {
  const { counts, tally, problems, tookMs, recoveredMs, silence, rowless } = result;
  const verdict = problems.length === 0 ? 'ok  ' : 'FAIL';
  const answers = `${counts.tickets} tickets: ${counts.yes} yes, ${counts.no} no, ${counts.unknown} unknown, ${counts.left} left open`;
  const judged = `${counts.bought} bought of ${plan.storm.units} units, ${tally.lost} lost, ${tally.toldTwice} twice, ${tally.falseAlarms} false alarms`;
  const times = `${seconds(tookMs)} (whole after ${seconds(recoveredMs)}), sells again after ${secondsOrNone(silence?.afterMs ?? null)}${rowless === null ? '' : `, stores again after ${seconds(rowless.afterMs)}`}`;
  return `${verdict} ${String(plan.round).padStart(3)} ${times} | ${answers}; ${judged} | ${describeHaFault(plan.fault)}`;
}

/** How long no row came after the death of a PostgreSQL primary. */
const storesAgain = (played: readonly PlayedHaRound[]): Times =>
  spreadOf(played.flatMap(({ plan, result }) => (isLostDatabase(plan) ? (result.rowless?.afterMs ?? []) : [])));
const isLostDatabase = ({ fault }: HaRound) => fault.kind === 'postgres-primary' || fault.kind === 'postgres-process';

type Times = { rounds: number; p50Ms: number | null; p95Ms: number | null };
/** Of the rounds in which shoppers noticed something. */
const timesOf = (played: readonly PlayedHaRound[]): Times =>
  spreadOf(played.flatMap(({ result }) => result.silence?.afterMs ?? []));
function spreadOf(times: readonly number[]): Times {
  return { rounds: times.length, p50Ms: percentile(times, 0.5), p95Ms: percentile(times, 0.95) };
}

function totals(played: readonly PlayedHaRound[]) {
  const sum = (of: (result: HaResult) => number) => played.reduce((all, { result }) => all + of(result), 0);
  return {
    accepted: sum(({ counts }) => counts.bought),
    lost: sum(({ tally }) => tally.lost),
    toldTwice: sum(({ tally }) => tally.toldTwice),
    falseAlarms: sum(({ tally }) => tally.falseAlarms),
  };
}

const isLostPrimary = ({ plan }: PlayedHaRound) => cardOf(plan.fault.kind).isLostPrimary === true;
/** Of the rounds whose primary was lost: in the others it came back before the sentinels had replaced it, and no failover was seen. */
const replacedOf = (played: readonly PlayedHaRound[]): number =>
  played.filter((round) => isLostPrimary(round) && round.result.isReplaced).length;
const failedOf = (played: readonly PlayedHaRound[]) => played.filter(({ result }) => result.problems.length > 0);
const ofKind = (played: readonly PlayedHaRound[], kind: HaKind) =>
  played.filter(({ plan }) => plan.fault.kind === kind);

export function summaryLines(seed: number, played: readonly PlayedHaRound[], late: readonly string[]): string[] {
  const { accepted, lost: lostYeses, toldTwice, falseAlarms } = totals(played);
  const failed = failedOf(played);
  const spread = ({ rounds, p50Ms, p95Ms }: Times) =>
    rounds === 0 ? 'never stopped' : `sells again p50 ${secondsOrNone(p50Ms)}, p95 ${secondsOrNone(p95Ms)}`;
  const perKind = kinds.flatMap((kind) => {
    const rounds = ofKind(played, kind);
    const bad = failedOf(rounds).length;
    const line = `${kind.padEnd(20)} ${String(rounds.length).padStart(3)} rounds, ${spread(timesOf(rounds))}${bad > 0 ? `, ${bad} FAILED` : ''}`;
    return rounds.length === 0 ? [] : [line];
  });
  const stored = storesAgain(played);
  const lost = played.filter(isLostPrimary);
  const lostPrimary = timesOf(lost);
  return [
    ...perKind,
    ...(lost.length === 0
      ? []
      : [`after a lost primary: ${spread(lostPrimary)}, replaced in ${replacedOf(played)} of ${lost.length} rounds`]),
    ...(stored.rounds === 0
      ? []
      : [`after a lost database: rows again p50 ${secondsOrNone(stored.p50Ms)}, p95 ${secondsOrNone(stored.p95Ms)}`]),
    `${accepted} purchases accepted: ${lostYeses} lost, ${toldTwice} places told twice, ${falseAlarms} false alarms`,
    `${played.length} rounds, ${failed.length} failed${late.length > 0 ? `, and ${late.length} sales did not balance afterwards` : ''}; seed ${seed}`,
    ...failed.map(({ plan }) => `replay: npm run test:chaos -- --ha --seed ${seed} --only ${plan.round}`),
  ];
}

/** `late`: what was found after the last round; it counts as one failure more. */
export async function writeReport(
  file: string,
  seed: number,
  played: readonly PlayedHaRound[],
  late: readonly string[],
): Promise<void> {
  const failed = failedOf(played);
  const report = {
    ...countsOf(seed, played, late),
    ...totals(played),
    afterLostPrimary: { ...timesOf(played.filter(isLostPrimary)), replaced: replacedOf(played) },
    rowsAfterLostDatabase: storesAgain(played),
    faults: Object.fromEntries(
      kinds.map((kind) => {
        const rounds = ofKind(played, kind);
        return [kind, { rounds: rounds.length, failed: failedOf(rounds).length, sellsAgain: timesOf(rounds) }];
      }),
    ),
    failures: failed.map(({ plan, result }) => ({
      round: plan.round,
      fault: describeHaFault(plan.fault),
      problems: result.problems,
    })),
    late,
  };
  await saveReport(file, report);
}
