import type { Command } from 'commander';
import { maxUnits } from '#contract/sale.ts';
import { preloadSale } from '#sales/sale-state.ts';
import { CliError } from './cli-error.ts';
import { withConnections } from './connections.ts';
import { dirOption, jsonOption, wholeNumber } from './options.ts';
import { findSale } from './sale-commands.ts';

export function registerStockCommands(program: Command): void {
  const stock = program.command('stock').description('the units of a sale');
  stock
    .command('preload')
    .argument('<saleId>')
    .description('put the units of a draft into stock Redis; refuses to touch a sale that is past being a draft')
    .option('--units <n>', "number of units (default: the sale's own)", wholeNumber(1, maxUnits))
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((saleId: string, options: { units?: number }, command: Command) =>
      withConnections(command, async (context) => {
        const sale = await findSale(context, saleId);
        const units = options.units ?? sale.units;
        if (units < sale.limitPerUser) {
          throw new CliError(`${units} units are fewer than the limit per user, ${sale.limitPerUser}`, 2);
        }
        const outcome = await preloadSale(context, sale, units);
        if (outcome.kind === 'live') {
          throw new CliError(
            `${saleId} is live (or has orders): its stock was not touched. Preload works on drafts only.`,
            1,
          );
        }
        context.output.result(
          { saleId, units, epoch: outcome.node.epoch },
          `${units} units of ${saleId} are loaded; next: seckill sale open ${saleId} && seckill pages publish`,
        );
      }),
    );
}
