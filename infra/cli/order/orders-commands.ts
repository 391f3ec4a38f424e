import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import { counted } from '#runtime/counted.ts';
import { carryOut, changes } from '../kit/change.ts';
import { CliError } from '../kit/cli-error.ts';
import { type CommandContext, withConnections } from '../kit/connections.ts';
import { dirOption, jsonOption } from '../kit/options.ts';

/** Between two pages of 500: at most 20,000 orders a second are looked at. */
const restMs = 25;

export function registerOrdersCommands(program: Command): void {
  const orders = program.command('orders').description('all orders of a sale');
  changes(orders.command('rebuild').argument('<saleId>'), 'always')
    .description(
      'put the orders back on the queue that stock Redis granted and the database has forgotten; shows them first',
    )
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((saleId: string, _options, command: Command) =>
      withConnections(command, (context) => rebuild(context, command, saleId)),
    );
}

async function rebuild(context: CommandContext, command: Command, saleId: string): Promise<void> {
  const { stock, store, catalogue, output, run } = context;
  const { count, units, loadedUnits } = await grantedIn(context, saleId);
  const { findLostOrders } = await import('#order-worker/audit/lost-orders.ts');
  const { lostOrdersText, needsPerson, rebuiltOrdersText } = await import('./orders-text.ts');
  const queue = await context.queue();
  const deps = { stock, store, queue, rest: async () => void (await wait(restMs)) };
  const looking = output.bar('looked at', count);
  const found = await findLostOrders(deps, saleId, looking.step).finally(looking.end);
  const { lost, behind } = found;
  // The database's own guard would refuse orders that stock Redis granted.
  const isTooNarrow = loadedUnits > units;
  const will = [
    `put ${counted(lost.orders, 'order')} of ${saleId} back on the queue`,
    ...(behind.length === 0 ? [] : [`show ${counted(behind.length, 'order')} as the database has it now`]),
    ...(isTooNarrow ? [`note ${loadedUnits} units of the sale in the database, which has ${units}`] : []),
  ];
  await carryOut(command, output, {
    will: will.join(', and '),
    details: lostOrdersText(found),
    facts: found,
    asks: lost.orders > 0 || behind.length > 0 || isTooNarrow,
    apply: async () => {
      if (isTooNarrow) await catalogue.setUnits(saleId, loadedUnits);
      const { rebuildOrders } = await import('#order-worker/audit/rebuild-orders.ts');
      const bar = output.bar('looked at again', count);
      let isTold = false;
      const onFull = () => {
        if (!isTold) output.progress('the queue is full: waiting for the drain (see "seckill drain show")');
        isTold = true;
      };
      const rebuilt = await rebuildOrders(deps, saleId, { onLooked: bar.step, onFull }).finally(bar.end);
      const { putBack, ...seen } = { ...rebuilt, unreserved: found.unreserved };
      output.result({ ...seen, putBack }, rebuiltOrdersText({ ...seen, lost: putBack }));
      if (needsPerson(seen)) run.exitCode = 1;
    },
  });
}

/**
 * How many orders stock Redis granted, and the units of the sale, there and in the database; a clear word when there is
 * nothing to rebuild from, or nothing to rebuild into.
 */
async function grantedIn(
  { catalogue, stock }: CommandContext,
  saleId: string,
): Promise<{ count: number; units: number; loadedUnits: number }> {
  const [sale, loaded, count] = [
    await catalogue.find(saleId),
    await stock.sale(saleId),
    await stock.orderCount(saleId),
  ];
  if (sale === null && count > 0) {
    throw new CliError(
      `the database has no sale "${saleId}", and stock Redis holds ${counted(count, 'order')} of it: create the sale again ("seckill sale create <its file>"), then run this again`,
      2,
    );
  }
  if (sale === null) throw new CliError(`there is no sale "${saleId}": see "seckill sale list"`, 2);
  if (loaded === null) {
    throw new CliError(
      `${saleId} has no stock: orders are rebuilt from stock Redis. When it has lost them: seckill stock rebuild ${saleId}`,
      2,
    );
  }
  return { count, units: sale.units, loadedUnits: loaded.total };
}
