import type { Command } from 'commander';
import { maxUnits } from '#contract/sale.ts';
import { applyRebuild, planRebuild, type RebuildPlan } from '#order-worker/audit/rebuild.ts';
import { preloadSale, republish } from '#sales/sale-state.ts';
import { CliError } from './cli-error.ts';
import { confirm } from './confirm.ts';
import { type CommandContext, withConnections } from './connections.ts';
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
            2,
          );
        }
        context.output.result(
          { saleId, units, epoch: outcome.node.epoch },
          `${units} units of ${saleId} are loaded; next: seckill pages publish && seckill sale open ${saleId}`,
        );
      }),
    );

  stock
    .command('rebuild')
    .argument('<saleId>')
    .description('rebuild the stock of a paused sale from the orders that exist; shows the difference first')
    .option('--dry-run', 'only show the difference')
    .option('--yes', 'do not ask')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((saleId: string, options: { dryRun?: boolean; yes?: boolean }, command: Command) =>
      withConnections(command, (context) => rebuild(context, saleId, options)),
    );
}

async function rebuild(
  context: CommandContext,
  saleId: string,
  options: { dryRun?: boolean; yes?: boolean },
): Promise<void> {
  const sale = await findSale(context, saleId);
  const queuedOrders = async () =>
    (await context.queue.getJobs(['waiting', 'active', 'delayed', 'failed'])).map((job) => job.data as unknown);
  const plan = await planRebuild({ ...context, queuedOrders }, saleId, sale.units);
  if (plan === null) {
    throw new CliError(`${saleId} is on sale: pause it first ("seckill sale pause ${saleId}"); nothing was changed`, 2);
  }
  if (plan.state === 'closed' || (plan.state === 'missing' && sale.state === 'closed')) {
    throw new CliError(`${saleId} is closed for good: there is nothing to rebuild`, 2);
  }
  if (options.dryRun === true) return context.output.result(plan, planText(plan));
  context.output.progress(planText(plan));
  if (options.yes !== true) await confirm(`change the stock of ${saleId} as shown`);

  if (plan.state === 'missing') {
    const loaded = await preloadSale(context, sale, plan.total);
    if (loaded.kind === 'live') throw new CliError(`${saleId} came back while this ran: run the command again`, 1);
    await context.stock.pauseForFault(saleId, 'its stock is being rebuilt', loaded.node.epoch);
  }
  const { restored, refused } = await applyRebuild(context, plan);
  await republish(context, sale);
  const after = await context.stock.sale(saleId);
  context.output.result(
    { ...plan, restored, refused, free: after?.free ?? null },
    [
      `restored ${restored} orders; free ${after?.free ?? '?'} of ${plan.total}`,
      ...refused.map((line) => `  not restored: ${line}`),
      plan.excess.length > 0
        ? `OVERSOLD by ${plan.excess.length} orders (shown above): cancel or refund them, then rebuild again`
        : `next: seckill audit ${saleId} && seckill sale resume ${saleId}`,
    ].join('\n'),
  );
  if (refused.length > 0 || plan.excess.length > 0) process.exitCode = 1;
}

function planText(plan: RebuildPlan): string {
  return [
    `${plan.saleId} (${plan.state}): free ${plan.freeNow ?? 'unknown'} -> ${plan.freeAfter} of ${plan.total}`,
    `  orders to restore  ${plan.restore.length}${plan.restore.length > 0 ? `, such as ${plan.restore[0]?.orderId}` : ''}`,
    `  units to take back ${plan.release.length} ended orders`,
    ...plan.excess.map((order) => `  NO UNIT LEFT for ${order.orderId} of ${order.userId}, place ${order.place}`),
  ].join('\n');
}
