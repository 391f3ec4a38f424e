import type { Command } from 'commander';
import { CliError } from '../kit/cli-error.ts';
import { type CommandContext, withConnections } from '../kit/connections.ts';
import { findSale } from '../kit/find-sale.ts';
import { dirOption, jsonOption, wholeNumber } from '../kit/options.ts';
import type { CliRun } from '../kit/run.ts';

/** The sale to watch when none is named: the one that opened last. */
async function newestSale(context: CommandContext): Promise<string> {
  const loaded = new Set(await context.stock.sales());
  const sale = (await context.catalogue.list()).filter(({ saleId }) => loaded.has(saleId)).at(-1);
  if (sale === undefined) throw new CliError('there is no preloaded sale to watch: see "seckill sale list"', 2);
  return sale.saleId;
}

/** A terminal that knows where its cursor is. */
const canBeDrawnOn = ({ stdout, environment }: CliRun) => stdout.isTTY === true && environment.TERM !== 'dumb';

export function registerWatchCommand(program: Command): void {
  program
    .command('watch')
    .argument('[saleId]', 'default: the sale that opened last')
    .description('the funnel of a sale, live, on the whole terminal (q quits); a line at each change when piped')
    .option('--rounds <n>', 'maximum number of looks', wholeNumber(1, 1_000_000))
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((saleId: string | undefined, options: { rounds?: number }, command: Command) =>
      withConnections(command, async (context) => {
        if (saleId !== undefined) await findSale(context, saleId);
        const { signal } = context.run.interruption();
        const { json = false } = command.opts<{ json?: boolean }>();
        const { watchFunnel } = await import('./watch-funnel.ts');
        await watchFunnel(context, saleId ?? (await newestSale(context)), {
          mode: json ? 'json' : canBeDrawnOn(context.run) ? 'screen' : 'lines',
          signal,
          ...(options.rounds === undefined ? {} : { rounds: options.rounds }),
        });
      }),
    );
}
