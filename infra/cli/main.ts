#!/usr/bin/env node
import { type Command, CommanderError } from 'commander';
import { ConfigError } from '#runtime/config.ts';
import { CliError } from './kit/cli-error.ts';
import { errorText } from './kit/error-text.ts';
import { createProgram } from './program.ts';

/** Exit codes of the contract: commander's own errors are usage errors. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof ConfigError) return 78;
  return error instanceof CliError ? error.exitCode : 1;
}

function exitInsteadOfCommander(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) exitInsteadOfCommander(child);
}

const program = await createProgram(process.argv.slice(2));
exitInsteadOfCommander(program);
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0); // the reader (head, less) has seen enough
  process.stderr.write(`seckill: the result cannot be written: ${error.message}\n`);
  process.exit(1);
});
try {
  await program.parseAsync();
} catch (error) {
  // Commander has printed its own message already.
  if (!(error instanceof CommanderError)) {
    process.stderr.write(`seckill: ${errorText(error)}\n`);
  }
  process.exitCode = exitCodeOf(error);
}
