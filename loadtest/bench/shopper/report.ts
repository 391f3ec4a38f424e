import type { ProcessorTime } from '../kit/processor-time.ts';
import { type Spread, spread, table } from '../kit/statistics.ts';
import type { Step } from './meter.ts';
import type { Way } from './way.ts';

export type Steps = Record<string, Step>;
/** `resting`: the share of a processor that each process takes at rest, which the steps are without. */
export type Round = { resting: ProcessorTime; steps: Steps; ways: { way: Way; steps: Steps }[]; load: number };

/** µs a shopper by process, and of all together; who answered, over all rounds. */
type StepSummary = Record<string, Spread> & { sum: Spread };
type Answered = { byEdge: number; passedOn: number };

/** Medians over the rounds. A sum is that of each round, not of the medians. */
export function summaryOf(rounds: readonly Round[]) {
  const [first] = rounds;
  if (first === undefined) throw new Error('no round was measured');
  const ways = first.ways.map(({ way }) => {
    const taken = rounds.map((round) => round.ways.find((each) => isSame(each.way, way))?.steps ?? {});
    const { steps, answered } = summarise(taken);
    return { ...way, steps, beforeAndPress: wholeOf(taken, ['challenge', 'ticket', 'press']), answered };
  });
  return {
    loadAverage: spread(rounds.map(({ load }) => load)),
    restingShare: spreadsOf(rounds.map(({ resting }) => resting)),
    ...summarise(rounds.map(({ steps }) => steps)),
    ways,
  };
}
export type Summary = ReturnType<typeof summaryOf>;

const isSame = (one: Way, other: Way) => one.signIn === other.signIn && one.challenge === other.challenge;

function summarise(rounds: readonly Steps[]) {
  const names = Object.keys(rounds[0] ?? {});
  const ofAll = <T>(of: (name: string) => T) => Object.fromEntries(names.map((name) => [name, of(name)]));
  return {
    steps: ofAll((name) => wholeOf(rounds, [name])),
    answered: ofAll((name): Answered => {
      const [answers, passedOn] = (['answers', 'passedOn'] as const).map((figure) =>
        rounds.reduce((sum, steps) => sum + (steps[name]?.[figure] ?? 0), 0),
      );
      return { byEdge: (answers ?? 0) - (passedOn ?? 0), passedOn: passedOn ?? 0 };
    }),
  };
}

/** Several steps together. */
function wholeOf(rounds: readonly Steps[], names: readonly string[]): StepSummary {
  const times = rounds.map((steps) => {
    const whole: ProcessorTime = {};
    for (const name of names)
      for (const [process, micros] of Object.entries(steps[name]?.micros ?? {}))
        whole[process] = (whole[process] ?? 0) + micros;
    return { ...whole, sum: Object.values(whole).reduce((sum, micros) => sum + micros, 0) };
  });
  return spreadsOf(times) as StepSummary; // each of them has a sum
}

function spreadsOf(times: readonly ProcessorTime[]): Record<string, Spread> {
  const names = Object.keys(times[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, spread(times.map((time) => time[name] ?? Number.NaN))]));
}

const words: Record<string, string> = {
  connection: 'connection, opened and closed',
  page: 'page',
  assets: 'its assets',
  sale: 'sale data',
  signIn: 'demo sign-in',
  order: 'one look at an order',
  ticketAnew: 'ticket, the token verified anew',
};
/** Processes that have a column; the others share one. */
const columns = ['nginx', 'gateway', 'seckill-service', 'stock-redis'];

/** For people: µs a shopper, medians. */
export function tableOf(summary: Summary): string {
  const head = [...columns, 'others', 'sum', 'lowest', 'highest', 'by the edge', 'passed on'];
  const row = (name: string, step: StepSummary, answered?: Answered) => {
    const others = Object.entries(step).filter(([process]) => process !== 'sum' && !columns.includes(process));
    const cells = [
      ...columns.map((process) => step[process]?.median ?? 0),
      others.reduce((sum, [, { median }]) => sum + median, 0),
      ...[step.sum.median, step.sum.min, step.sum.max],
    ];
    const counts = answered === undefined ? ['', ''] : [answered.byEdge, answered.passedOn].map(String);
    return [name, ...cells.map((micros) => String(Math.round(micros) || 0)), ...counts];
  };
  const same = Object.entries(summary.steps).map(([name, step]) =>
    row(words[name] ?? name, step, summary.answered[name]),
  );
  const taken = summary.ways.flatMap(({ signIn, challenge, steps, beforeAndPress, answered }) => [
    row(`${signIn}, ${challenge}`, beforeAndPress),
    ...Object.entries(steps).map(([name, step]) => row(`  ${words[name] ?? name}`, step, answered[name])),
  ]);
  return `${table([['µs a shopper', ...head], ...same, ...taken])}\nload average ${summary.loadAverage.median.toFixed(1)}`;
}
