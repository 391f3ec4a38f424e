import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkoutDir } from '../stack/host/run-directory.ts';
import { victims } from './plan.ts';

/** The lane chaos with these numbers: one of everything, or with `--ha` each server more than once. */
const usage = `usage: npm run test:chaos -- [--ha] [--rounds N] [--seed S] [--only R] [--stacks K] [--victims A,B]
victims (not with --ha): ${victims.join(', ')}`;
const files = { plain: 'infra/chaos/chaos.chaos.test.ts', ha: 'infra/chaos/ha/ha.chaos.test.ts' };

function wholeNumber(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^\d{1,9}$/.test(text)) throw new TypeError(`--${name} takes a whole number, not "${text}"`);
  return Number(text);
}

/** Victims by their names, a comma between. */
function victimsOf(text: string): string[] {
  const names = text.split(',');
  const unknown = names.find((name) => !victims.some((victim) => victim === name));
  if (unknown !== undefined) throw new TypeError(`--victims: there is no "${unknown}"`);
  return names;
}

function readOptions(): { file: string; environment: Record<string, string> } {
  const option = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const { values } = parseArgs({
    options: { ha: flag, rounds: option, seed: option, only: option, stacks: option, victims: option },
  });
  if (values.ha === true && values.victims !== undefined) throw new TypeError('--victims is not for --ha');
  const seed = wholeNumber('seed', values.seed, Math.floor(Math.random() * 1_000_000));
  const only = values.only === undefined ? {} : { CHAOS_ONLY: String(wholeNumber('only', values.only, 1)) };
  const stacks = wholeNumber('stacks', values.stacks, 1);
  if (stacks < 1 || stacks > 4) throw new TypeError('--stacks takes 1 to 4: rounds that are played at the same time');
  const rounds = wholeNumber('rounds', values.rounds, 30);
  const numbers = { CHAOS_SEED: String(seed), CHAOS_ROUNDS: String(rounds), CHAOS_STACKS: String(stacks) };
  const among = values.victims === undefined ? {} : { CHAOS_VICTIMS: victimsOf(values.victims).join(',') };
  return { file: values.ha === true ? files.ha : files.plain, environment: { ...numbers, ...only, ...among } };
}

let options: ReturnType<typeof readOptions>;
try {
  options = readOptions();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}\n`);
  process.exit(2);
}
const vitest = spawn(
  process.execPath,
  // Its own reporter: the configured one would write over the report of the other lanes.
  [
    join(checkoutDir, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--project',
    'chaos',
    '--reporter',
    'default',
    options.file,
  ],
  { cwd: checkoutDir, env: { ...process.env, ...options.environment }, stdio: 'inherit' },
);
vitest.once('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));
// A Ctrl-C reaches vitest too; it takes the stack down and ends, and then so do we.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => vitest.kill(signal));
