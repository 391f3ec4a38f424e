import { type Command, CommanderError } from 'commander';
import { ConfigError } from '#runtime/config.ts';
import { ZooKeeperRefusedError } from '#runtime/zookeeper-refused.ts';
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
    // Commander has printed its own message already.
    if (!(error instanceof CommanderError)) run.stderr.write(`seckill: ${errorText(error)}\n`);
    return exitCodeOf(error);
  }
  return run.exitCode;
}
