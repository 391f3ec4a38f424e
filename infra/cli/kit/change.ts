import { createInterface } from 'node:readline/promises';
import { type Command, Option } from 'commander';
import { printable } from '../../text/printable.ts';
import { CliError } from './cli-error.ts';
import type { Output } from './output.ts';
import { type CliRun, runOf } from './run.ts';

/**
 * What a command is about to do, after everything that could refuse it was looked at. The one way to `--dry-run` and to
 * a question: a command that changes something says what, and {@link carryOut} does the rest.
 */
export type Change = {
  /** What will happen, after "this will": `close tea-cup for good`. */
  will: string;
  /** More of it, a line each. */
  details?: readonly string[] | undefined;
  /** The same for machines. */
  facts: Record<string, unknown>;
  /** Asks before it happens; `--yes` answers. */
  asks?: boolean;
  /** Far from what is usual: asks, and then for `name` to be typed. `--yes --unusual` answers both. */
  unusual?: { name: string; because: readonly string[] } | undefined;
  apply: () => Promise<void>;
};

/** `--dry-run`, and `--yes` where the command asks; `unusual` where it may ask twice. */
export function changes(command: Command, asks: 'never' | 'always' | 'when lost' | 'when unusual' = 'never'): Command {
  command.addOption(new Option('--dry-run', 'say exactly what would change, and change nothing'));
  if (asks !== 'never') command.addOption(new Option('--yes', 'do not ask'));
  if (asks === 'when unusual') {
    command.addOption(new Option('--unusual', 'with --yes: not even when price or stock is a hundred times the usual'));
  }
  return command;
}

type Answers = { dryRun?: boolean; yes?: boolean; unusual?: boolean };

/** Says what would happen, or asks where it must and does it. */
export async function carryOut(command: Command, output: Output, change: Change): Promise<void> {
  const { dryRun = false, yes = false, unusual: mayBeUnusual = false } = command.opts<Answers>();
  const { will, details = [], facts, asks = false, unusual, apply } = change;
  const reasons = unusual?.because ?? [];
  if (dryRun) {
    const lines = [`would ${will}`, ...reasons.map((it) => `UNUSUAL: ${it}`), ...details];
    output.result({ dryRun, would: will, ...facts, unusual: reasons }, `${lines.join('\n  ')}\nnothing was changed`);
    return;
  }
  const questions = [
    ...((asks || unusual !== undefined) && !yes ? ['--yes'] : []),
    ...(unusual !== undefined && !mayBeUnusual ? ['--unusual'] : []),
  ];
  const run = runOf(command);
  if (questions.length > 0 && !run.stdin().isTTY) {
    throw new CliError([`this would ${will}: add ${questions.join(' ')}`, ...reasons].join('\n  '), 2);
  }
  // Also when `--yes` has answered: what is done for good is on record then.
  if (questions.length > 0 || asks) for (const line of [...details, ...reasons]) output.progress(`  ${line}`);
  if (questions.includes('--yes')) await ask(run, `This will ${will}. Go on? [y/N] `, /^y(es)?$/i);
  if (questions.includes('--unusual') && unusual !== undefined) {
    await ask(run, `That is unusual. Type ${unusual.name} to go on: `, new RegExp(`^${unusual.name}$`)); // an id: no signs
  }
  await apply();
}

async function ask({ stdin, terminal }: CliRun, question: string, answer: RegExp): Promise<void> {
  const line = createInterface({ input: stdin(), output: terminal.stderr });
  const given = await line.question(printable(question)).finally(() => line.close());
  if (!answer.test(given.trim())) throw new CliError('nothing was changed', 1);
}
