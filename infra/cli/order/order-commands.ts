import type { Command } from 'commander';
import { CliError } from '../kit/cli-error.ts';
import { type CommandContext, withConnections } from '../kit/connections.ts';
import { dirOption, jsonOption } from '../kit/options.ts';
import { sealOf } from '../people/seal-of.ts';
import { orderText, personalText, remarksOn } from './order-text.ts';

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
    .option('--personal', 'with contact and address of its shopper, opened by SECKILL_PERSONAL_KEYS')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((orderId: string, { personal = false }: { personal?: boolean }, command: Command) =>
      withConnections(command, async (context) => {
        const { readOrderDossier } = await import('#order-worker/orders/order-dossier.ts');
        const dossier = await readOrderDossier(context, orderId);
        if (dossier === null) throw new CliError(`nobody knows an order "${orderId}": was its purchase accepted?`, 2);
        const nowMs = Date.now();
        const known = { ...dossier, remarks: remarksOn(dossier, nowMs) };
        const text = orderText(dossier, nowMs, context.output.width);
        if (!personal) return context.output.result(known, text);
        const details = await readPersonal(context, orderId);
        context.output.result({ ...known, personal: details }, `${text}\n${personalText(details)}`);
      }),
    );
}

async function readPersonal({ pool, environment }: CommandContext, orderId: string) {
  const { createDetailsStore } = await import('#order-worker/details/details-store.ts');
  return (await createDetailsStore({ pool, seal: await sealOf(environment) }).of([orderId])).get(orderId) ?? null;
}
