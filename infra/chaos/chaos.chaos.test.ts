import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keepLogs, privateRunDir, removeAbandoned } from '#lab/servers/private-run.ts';
import { checkoutDir } from '../stack/host/run-directory.ts';
import { isHealthy } from './checks.ts';
import { type Field, openField } from './field.ts';
import { describeFault, planRounds } from './plan.ts';
import { type PlayedRound, roundLine, summaryLines, writeReport } from './report.ts';
import { playRound, recheck } from './round.ts';

const rounds = Number(process.env.CHAOS_ROUNDS ?? 30);
const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);
const only = process.env.CHAOS_ONLY === undefined ? null : Number(process.env.CHAOS_ONLY);
const plans = planRounds(seed, Math.max(rounds, only ?? 0)).filter(({ round }) => only === null || round === only);

const dir = privateRunDir('chaos');
const played: PlayedRound[] = [];
const say = (line: string) => void process.stdout.write(`${line}\n`);
const always = () => true;
const never = () => false;
let field: Field | null = null;
let late: string[] = [];
let isHurt = false;
let isKept = false;

/** The logs of the first stack that failed stay in `.run/last-chaos-logs`. */
async function keepLogsOfHurt(): Promise<void> {
  if (isHurt && !isKept) await keepLogs(dir, 'last-chaos-logs');
  isKept ||= isHurt;
}

/** The stack of the run; a new one when the last round left one that does not recover, so that it fails alone. */
async function openedField(): Promise<Field> {
  const isWell = field !== null && (await isHealthy(field.stack).then(always, never));
  if (field !== null && isWell) return field;
  await keepLogsOfHurt();
  await field?.close();
  await rm(dir, { recursive: true, force: true });
  field = await openField({ dir, environment: process.env });
  return field;
}

beforeAll(async () => {
  await removeAbandoned();
  say(`chaos: ${plans.length} rounds, seed ${seed}`);
  await openedField();
}, 300_000);

afterAll(async () => {
  for (const line of summaryLines(seed, played, late)) say(line);
  await writeReport(join(checkoutDir, '.run/reports/chaos.json'), seed, played, late);
  await keepLogsOfHurt();
  await field?.close();
  await rm(dir, { recursive: true, force: true });
}, 300_000);

describe(`seed ${seed}: no oversale, no lost yes, books that balance, money in its place, an edge in step (I1–I7)`, () => {
  test.each(plans.map((plan) => ({ plan, title: plan.faults.map(describeFault).join(' + ') })))(
    'round $plan.round: $title',
    async ({ plan }) => {
      const result = await playRound(await openedField(), plan);
      isHurt ||= result.problems.length > 0;
      played.push({ plan, result });
      say(roundLine({ plan, result }));
      for (const problem of result.problems) say(`       ${problem}`);
      const replay = `npm run test:chaos -- --seed ${seed} --only ${plan.round}`;
      expect(result.problems, `${plan.faults.map(describeFault).join(' + ')}; replay: ${replay}`).toEqual([]);
    },
  );

  test('afterwards, and read from disk once more, the books of every round still balance', async () => {
    const held = played.filter(({ result }) => result.problems.length === 0).map(({ result }) => result.saleId);
    late = await recheck(await openedField(), held);
    isHurt ||= late.length > 0;
    for (const problem of late) say(`       ${problem}`);
    expect(late).toEqual([]);
  });
});
