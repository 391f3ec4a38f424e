#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { ConfigError } from '#runtime/config.ts';
import { registerAuditCommand } from './audit-command.ts';
import { CliError } from './cli-error.ts';
import { registerDemoCommands } from './demo-commands.ts';
import { registerDrainCommands } from './drain-commands.ts';
import { registerPagesCommands } from './pages-commands.ts';
import { registerSaleCommands } from './sale-commands.ts';
import { registerStackCommands } from './stack-commands.ts';
import { registerStockCommands } from './stock-commands.ts';
import { registerTicketsCommands } from './tickets-commands.ts';
import { registerWatchCommand } from './watch-command.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('seckill')
  .version(version)
  .description('Flash sales: preload, open, watch, drain, and prove that every unit is accounted for.')
  .showSuggestionAfterError(true)
  .showHelpAfterError('(add --help for what there is)')
  .addHelpText(
    'after',
    `
Results go to stdout, progress to stderr. Exit codes: 0 done, 1 a check failed, 2 usage, 78 configuration.
Addresses come from the stack that "seckill up" started, or from SECKILL_* variables.`,
  );

for (const register of [
  registerStackCommands,
  registerSaleCommands,
  registerStockCommands,
  registerPagesCommands,
  registerTicketsCommands,
  registerWatchCommand,
  registerAuditCommand,
  registerDrainCommands,
  registerDemoCommands,
]) {
  register(program);
}

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

exitInsteadOfCommander(program);
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0); // the reader (head, less) has seen enough
  throw error;
});
try {
  await program.parseAsync();
} catch (error) {
  // Commander has printed its own message already.
  if (!(error instanceof CommanderError)) {
    process.stderr.write(`seckill: ${error instanceof Error ? error.message : String(error)}\n`);
  }
  process.exitCode = exitCodeOf(error);
}
