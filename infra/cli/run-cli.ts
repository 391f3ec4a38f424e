import { type Command, CommanderError } from 'commander';
import { ConfigError } from '#runtime/config.ts';
import { ZooKeeperRefusedError } from '#runtime/zookeeper/refused.ts';
import { CliError } from './kit/cli-error.ts';
import { errorText } from './kit/error-text.ts';
import { type Surroundings, startRun } from './kit/run.ts';
import { createProgram } from './program.ts';

/** Exit codes of the contract: commander's own errors are usage errors. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof ConfigError || error instanceof ZooKeeperRefusedError) return 78;
  return error instanceof CliError ? error.exitCode : 1;
}

function exitInsteadOfCommander(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) exitInsteadOfCommander(child);
}

/** What a command line that failed says to a machine, in one line on stdout: the text that stderr has, and the exit code. */
function errorDocument(message: string, exitCode: number): string {
  return `${JSON.stringify({ error: { message, exitCode } })}\n`;
}

const isForMachines = (args: readonly string[]): boolean =>
  args.slice(0, args.includes('--') ? args.indexOf('--') : undefined).includes('--json');

/** What went wrong: commander's own message without its `error: `. */
function messageOf(error: unknown): string {
  if (!(error instanceof CommanderError)) return errorText(error);
  return error.message.replace(/^error: /, '');
}

/**
 * Runs one command line within `surroundings`, and resolves with its exit code. Runs share nothing: several at a time do not
 * disturb each other.
 */
export async function runCli(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const program = await createProgram(args, surroundings);
  exitInsteadOfCommander(program);
  const run = startRun(program, surroundings);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    const exitCode = exitCodeOf(error);
    const message = messageOf(error);
    // Commander has printed its own message already.
    if (!(error instanceof CommanderError)) run.stderr.write(`seckill: ${message}\n`);
    if (exitCode !== 0 && isForMachines(args) && !run.hasResult) {
      run.stdout.write(errorDocument(message, exitCode));
    }
    return exitCode;
  }
  return run.exitCode;
}
