import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { privateRunDir, removeAbandoned } from '#lab/servers/private-run.ts';
import { checkoutDir } from '../../stack/host/run-directory.ts';
import { openFields } from '../fields.ts';
import { type HaField, openHaField } from './field.ts';
import { describeHaFault, kinds, planHaRounds } from './plan.ts';
import { type PlayedHaRound, roundLine, summaryLines, writeReport } from './report.ts';
import { playHaRound, recheck } from './round.ts';

const rounds = Number(process.env.CHAOS_ROUNDS ?? kinds.length);
const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);
const stacks = Number(process.env.CHAOS_STACKS ?? 1);
const only = process.env.CHAOS_ONLY === undefined ? null : Number(process.env.CHAOS_ONLY);
const plans = planHaRounds(seed, Math.max(rounds, only ?? 0)).filter(({ round }) => only === null || round === only);

const fields = openFields({
  root: privateRunDir('chaos'),
  count: Math.min(stacks, Math.max(1, plans.length)),
  open: (dir) => openHaField({ dir, environment: process.env }),
  isWell: (field) => field.whole(),
});
/** `field`: a stack that did not recover was replaced, and took its sales with it. */
const played: (PlayedHaRound & { field: HaField })[] = [];
const say = (line: string) => void process.stdout.write(`${line}\n`);
let late: string[] = [];

beforeAll(async () => {
  await removeAbandoned();
  say(`chaos --ha: ${plans.length} rounds, seed ${seed}, ${stacks} at a time`);
}, 300_000);

afterAll(async () => {
  for (const line of summaryLines(seed, played, late)) say(line);
  await writeReport(join(checkoutDir, '.run/reports/chaos-ha.json'), seed, played, late);
  await fields.close();
}, 300_000);

describe(`seed ${seed}: no yes is lost, no place is told twice, no sale is paused without a reason (--ha)`, () => {
  describe('rounds', () => {
    test.concurrent.each(plans.map((plan) => ({ plan, title: describeHaFault(plan.fault) })))(
      'round $plan.round: $title',
      ({ plan }) =>
        fields.on(async (field, place) => {
          const result = await playHaRound(field, plan);
          if (result.problems.length > 0) fields.hurt(place);
          played.push({ plan, result, field });
          const lines = [roundLine({ plan, result }), ...result.problems.map((problem) => `       ${problem}`)];
          say(lines.join('\n'));
          const replay = `npm run test:chaos -- --ha --seed ${seed} --only ${plan.round}`;
          expect(result.problems, `${describeHaFault(plan.fault)}; replay: ${replay}`).toEqual([]);
        }),
    );
  });

  test('afterwards the books of every round still balance', async () => {
    const held = played.filter(({ result }) => result.problems.length === 0);
    late = await fields.onEach(async (field, at) => {
      const found = await recheck(
        field,
        held.filter((each) => each.field === field).map(({ result }) => result.saleId),
      );
      if (found.length > 0) fields.hurt(at);
      return found;
    });
    for (const problem of late) say(`       ${problem}`);
    expect(late).toEqual([]);
  });
});
