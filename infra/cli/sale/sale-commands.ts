import type { Command } from 'commander';
import { changes } from '../kit/change.ts';
import { withConnections } from '../kit/connections.ts';
import { dirOption, jsonOption } from '../kit/options.ts';
import { registerSaleCheck } from './sale-check-command.ts';
import { registerSaleStateCommands } from './sale-state-commands.ts';

const fields = 'saleId, title, price {amount, currency}, units, opensAt, closesAt, limitPerUser, …';

export function registerSaleCommands(program: Command): void {
  const sale = program.command('sale').description('create, show and steer sales');

  changes(sale.command('create').argument('<file.json>', fields), 'when unusual')
    .description('create a sale from a file; it is a draft until it is preloaded and opened')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((file: string, _options, command: Command) =>
      withConnections(command, async (context) =>
        (await import('./create-sale.ts')).createSale(file, command, context),
      ),
    );

  sale
    .command('list')
    .description('every sale with its state and stock')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((_options, command: Command) =>
      withConnections(command, async (context) => (await import('./show-sales.ts')).listSales(context)),
    );

  sale
    .command('show')
    .argument('<saleId>')
    .description('everything about one sale')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((saleId: string, _options, command: Command) =>
      withConnections(command, async (context) => (await import('./show-sales.ts')).showSale(context, saleId)),
    );

  registerSaleCheck(sale);
  registerSaleStateCommands(sale);
}
