import type { Command } from 'commander';
import { withConnections } from '../kit/connections.ts';
import { findSale } from '../kit/find-sale.ts';
import { dirOption, jsonOption } from '../kit/options.ts';

export function registerSaleCheck(sale: Command): void {
  sale
    .command('check')
    .argument('<saleId>')
    .description('everything that should be right before it opens, and what mends it; exit 1 when something blocks')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((saleId: string, _options, command: Command) =>
      withConnections(command, async (context) => {
        const { runSaleCheck, saleCheckText } = await import('./run-sale-check.ts');
        const report = await runSaleCheck(context, await findSale(context, saleId));
        context.output.result(report, saleCheckText(report));
        if (!report.ok) context.run.exitCode = 1;
      }),
    );
}
