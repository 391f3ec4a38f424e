import type { Command } from 'commander';
import { type ConsolePlace, consoleOf } from '../../stack/running-stack.ts';
import { CliError } from '../kit/cli-error.ts';
import { dirOption, jsonOption } from '../kit/options.ts';
import { createOutput } from '../kit/output.ts';
import { runOf } from '../kit/run.ts';

/** One line: where to look, and where what opens it is kept. The token itself is never printed. */
export const consoleLine = ({ url, tokenFile }: ConsolePlace): string => `${url}   (its token: ${tokenFile})`;

export function registerConsoleCommand(program: Command): void {
  program
    .command('console')
    .description('where the ops console of the stack on this machine is, and where its token is kept')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action(async ({ dir, json = false }: { dir?: string; json?: boolean }, command: Command) => {
      const run = runOf(command);
      const place = await consoleOf(dir ?? run.environment.SECKILL_RUN_DIR);
      if (place === null) {
        throw new CliError(
          'no stack is running here: start one with "seckill up". Elsewhere the console is /console on the inner address of each gateway, its token SECKILL_CONSOLE_TOKEN.',
          78,
        );
      }
      createOutput(run, json).result(place, consoleLine(place));
    });
}
