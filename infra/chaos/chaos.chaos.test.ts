import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { privateRunDir, removeAbandoned } from '#lab/servers/private-run.ts';
import { checkoutDir } from '../stack/host/run-directory.ts';
import { isHealthy } from './checks.ts';
import { openField } from './field.ts';
import { openFields } from './fields.ts';
import { describeFault, planRounds, victims } from './plan.ts';
import { type PlayedRound, replayLine, roundLine, summaryLines, writeReport } from './report.ts';
import { playRound, recheck } from './round.ts';

const rounds = Number(process.env.CHAOS_ROUNDS ?? 30);
const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);
const stacks = Number(process.env.CHAOS_STACKS ?? 1);
const only = process.env.CHAOS_ONLY === undefined ? null : Number(process.env.CHAOS_ONLY);
const among = victims.filter((victim) => process.env.CHAOS_VICTIMS?.split(',').includes(victim) ?? true);
const plans = planRounds(seed, Math.max(rounds, only ?? 0), among).filter(
  ({ round }) => only === null || round === only,
);
const about = among.length < victims.length ? among : null;
const replayOf = (round: number) => replayLine({ seed, round, among: about });

const fields = openFields({
  root: privateRunDir('chaos'),
  count: Math.min(stacks, Math.max(1, plans.length)),
  open: (dir) => openField({ dir, environment: process.env }),
  isWell: ({ stack }) => isHealthy(stack),
});
const played: (PlayedRound & { place: number })[] = [];
const say = (line: string) => void process.stdout.write(`${line}\n`);
let late: string[] = [];

beforeAll(async () => {
  await removeAbandoned();
  say(`chaos: ${plans.length} rounds, seed ${seed}, ${stacks} at a time`);
}, 300_000);

afterAll(async () => {
  for (const line of summaryLines({ seed, played, late, replayOf })) say(line);
  await writeReport(
    join(checkoutDir, `.run/reports/${['chaos', ...(about ?? [])].join('-')}.json`),
    seed,
    played,
    late,
  );
  await fields.close();
}, 300_000);

describe(`seed ${seed}: no oversale, no lost yes, books that balance, money in its place, an edge in step (I1–I7)`, () => {
  describe('rounds', () => {
    test.concurrent.each(plans.map((plan) => ({ plan, title: plan.faults.map(describeFault).join(' + ') })))(
      'round $plan.round: $title',
      ({ plan }) =>
        fields.on(async (field, place) => {
          const result = await playRound(field, plan);
          if (result.problems.length > 0) fields.hurt(place);
          played.push({ plan, result, place });
          const lines = [roundLine({ plan, result }), ...result.problems.map((problem) => `       ${problem}`)];
          say(lines.join('\n'));
          expect(
            result.problems,
            `${plan.faults.map(describeFault).join(' + ')}; replay: ${replayOf(plan.round)}`,
          ).toEqual([]);
        }),
    );
  });

  test('afterwards, and read from disk once more, the books of every round still balance', async () => {
    const held = played.filter(({ result }) => result.problems.length === 0);
    late = await fields.onEach(async (field, at) => {
      const found = await recheck(
        field,
        held.filter(({ place }) => place === at).map(({ result }) => result.saleId),
      );
      if (found.length > 0) fields.hurt(at);
      return found;
    });
    for (const problem of late) say(`       ${problem}`);
    expect(late).toEqual([]);
  });
});
