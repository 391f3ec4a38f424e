import type { Command } from 'commander';
import { CliError } from '../kit/cli-error.ts';
import { withConnections } from '../kit/connections.ts';
import { dirOption, jsonOption } from '../kit/options.ts';
import { orderText, remarksOn } from './order-text.ts';

export function registerOrderCommands(program: Command): void {
  const order = program
    .command('order')
    .description('one order, for support')
    .showHelpAfterError('(what is about all orders of a sale is there: seckill orders --help)');
  order
    .command('show')
    .argument('<orderId>')
    .description(
      'all that is known of it: state, history, payments and refunds, reservation, jobs, who is yet to be told',
    )
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((orderId: string, _options, command: Command) =>
      withConnections(command, async (context) => {
        const { readOrderDossier } = await import('#order-worker/orders/order-dossier.ts');
        const dossier = await readOrderDossier(context, orderId);
        if (dossier === null) throw new CliError(`nobody knows an order "${orderId}": was its purchase accepted?`, 2);
        const nowMs = Date.now();
        context.output.result(
          { ...dossier, remarks: remarksOn(dossier, nowMs) },
          orderText(dossier, nowMs, context.output.width),
        );
      }),
    );
}
