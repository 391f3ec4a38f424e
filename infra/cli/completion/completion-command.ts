import { fileURLToPath } from 'node:url';
import { Argument, type Command } from 'commander';
import { withConnections } from '../kit/connections.ts';
import { runOf } from '../kit/run.ts';
import { bashCompletion, zshCompletion } from './bash.ts';
import { fishCompletion } from './fish.ts';
import { placesOf } from './tree.ts';

const shells = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;
const entry = fileURLToPath(new URL('../seckill.ts', import.meta.url));
/** What the shell asks for ids with. Hidden: it is for no person. */
const salesCommand = 'completion-sales';

export function registerCompletionCommands(program: Command): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'the shell that reads it').choices(Object.keys(shells)))
    .description('what a shell needs to complete commands and sale ids: eval "$(seckill completion bash)"')
    .action((shell: keyof typeof shells, _options, command: Command) => {
      runOf(command).stdout.write(shells[shell](placesOf(program), [process.execPath, entry, salesCommand]));
    });
  program.command(salesCommand, { hidden: true }).action((_options, command: Command) =>
    withConnections(command, async ({ catalogue, run }) => {
      for (const { saleId } of await catalogue.list()) run.stdout.write(`${saleId}\n`);
    }),
  );
}
