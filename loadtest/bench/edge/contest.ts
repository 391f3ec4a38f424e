import { type Spread, spread } from '../kit/statistics.ts';
import type { Contest } from './contests.ts';
import { type BenchEdge, cores, cpuNanoseconds } from './nginx.ts';
import { runWrk, type Shot } from './wrk.ts';

type Side = { perSecond: number; p50Ms: number; p99Ms: number; cpuUs: number };
export type Round = { ours: Side; bare: Side };
export type Result = {
  name: string;
  atLeast: number | null;
  p99AtMost: number | null;
  ours: Record<keyof Side, Spread>;
  bare: Record<keyof Side, Spread>;
  /** Ours by bare, round by round; of CPU time the other way round, so that 1 is as cheap as bare and less is dearer. */
  ratio: { perSecond: Spread; p99: Spread; cpu: Spread };
  rounds: Round[];
};

export type Load = { seconds: number; connections: number };

/** One round of a contest, ours first in every other one: what the machine does meanwhile hits both. */
export async function runRound(bench: BenchEdge, contest: Contest, nth: number, load: Load): Promise<Round> {
  const side = (shot: Shot) => measure(bench, shot, contest.refused, load);
  if (nth % 2 === 0) {
    const ours = await side(contest.ours);
    return { ours, bare: await side(contest.bare) };
  }
  const bare = await side(contest.bare);
  return { ours: await side(contest.ours), bare };
}

async function measure({ edge, workerPid }: BenchEdge, shot: Shot, refused: boolean, load: Load): Promise<Side> {
  const before = await cpuNanoseconds(workerPid);
  const result = await runWrk(edge.url, shot, { ...load, core: cores.others });
  const cpuUs = ((await cpuNanoseconds(workerPid)) - before) / 1000 / result.requests;
  const wrong = refused ? result.requests - result.refusals : result.refusals;
  const asked = edge.gateway.seen.filter(({ url }) => url.startsWith('/api/')).length;
  if (asked > 0) throw new Error(`${shot.method} ${shot.path}: the gateway was asked ${asked} times`);
  if (wrong > 0)
    throw new Error(`${shot.method} ${shot.path}: ${wrong} of ${result.requests} answers are not the right ones`);
  return { perSecond: result.requests / result.seconds, p50Ms: result.p50Ms, p99Ms: result.p99Ms, cpuUs };
}

export function resultOf({ name, atLeast, p99AtMost }: Contest, rounds: readonly Round[]): Result {
  const side = (which: keyof Round) => {
    const of = (figure: keyof Side) => spread(rounds.map((round) => round[which][figure]));
    return { perSecond: of('perSecond'), p50Ms: of('p50Ms'), p99Ms: of('p99Ms'), cpuUs: of('cpuUs') };
  };
  return {
    name,
    atLeast,
    p99AtMost,
    ours: side('ours'),
    bare: side('bare'),
    ratio: {
      perSecond: spread(rounds.map(({ ours, bare }) => ours.perSecond / bare.perSecond)),
      p99: spread(rounds.map(({ ours, bare }) => ours.p99Ms / bare.p99Ms)),
      cpu: spread(rounds.map(({ ours, bare }) => bare.cpuUs / ours.cpuUs)),
    },
    rounds: [...rounds],
  };
}
