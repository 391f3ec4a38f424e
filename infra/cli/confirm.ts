import { createInterface } from 'node:readline/promises';
import { CliError } from './cli-error.ts';

/** Asks on a terminal; elsewhere `--yes` must answer. */
export async function confirm(what: string): Promise<void> {
  if (!process.stdin.isTTY) throw new CliError(`this would ${what}: add --yes`, 2);
  const line = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await line.question(`This will ${what}. Go on? [y/N] `);
  line.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('nothing was changed', 1);
}
