import type { Command } from 'commander';
import { isReadable, ordersOfJob } from '#contract/order-chunk.ts';
import { maxUnits } from '#contract/sale.ts';
import { applyRebuild, countsOnly, planRebuild, type RebuildPlan } from '#order-worker/audit/rebuild.ts';
import { counted } from '#runtime/counted.ts';
import type { CatalogueSale } from '#sales/catalogue.ts';
import { readSaleNode } from '#sales/publish-state.ts';
import { loadStock, preloadSale, republish } from '#sales/sale-state.ts';
import { readUsual } from '#sales/usual.ts';
import { carryOut, changes } from '../kit/change.ts';
import { CliError } from '../kit/cli-error.ts';
import { type CommandContext, withConnections } from '../kit/connections.ts';
import { findSale } from '../kit/find-sale.ts';
import { dirOption, jsonOption, wholeNumber } from '../kit/options.ts';
import { rebuildPlanText, rebuiltText } from './rebuild-text.ts';
import { unusualOf } from './unusual.ts';

export function registerStockCommands(program: Command): void {
  const stock = program.command('stock').description('the units of a sale');
  changes(stock.command('preload').argument('<saleId>'), 'when unusual')
    .description('put the units of a draft into stock Redis; refuses to touch a sale that is past being a draft')
    .option('--units <n>', "number of units (default: the sale's own)", wholeNumber(1, maxUnits))
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((saleId: string, options: { units?: number }, command: Command) =>
      withConnections(command, (context) => preload(context, command, saleId, options.units)),
    );

  changes(stock.command('rebuild').argument('<saleId>'), 'always')
    .description(
      'correct the counts of a paused sale and give it back the orders that exist; shows the difference first',
    )
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((saleId: string, _options, command: Command) =>
      withConnections(command, (context) => rebuild(context, command, saleId)),
    );
}

async function preload(context: CommandContext, command: Command, saleId: string, asked?: number): Promise<void> {
  const sale = await findSale(context, saleId);
  const units = asked ?? sale.units;
  if (units < sale.limitPerUser) {
    throw new CliError(
      `${counted(units, 'unit is', 'units are')} fewer than the limit per user, ${sale.limitPerUser}`,
      2,
    );
  }
  const [loaded, orders] = [await context.stock.sale(saleId), await context.stock.orderCount(saleId)];
  const live = new CliError(
    `${saleId} is live (or has orders): its stock was not touched. Preload works on drafts only.`,
    2,
  );
  if ((loaded !== null && loaded.state !== 'draft') || orders > 0) throw live;
  const because = unusualOf({ ...sale, units }, await readUsual(context.pool, sale.price.currency, saleId));
  const now = loaded === null ? 'nothing is loaded now' : `${loaded.total} are loaded now`;
  await carryOut(command, context.output, {
    will: `load ${counted(units, 'unit')} of ${saleId}; ${now}`,
    facts: { saleId, units, loaded: loaded?.total ?? null },
    unusual: because.length === 0 ? undefined : { name: saleId, because },
    apply: async () => {
      const outcome = await preloadSale(context, sale, units);
      if (outcome.kind === 'live') throw live;
      context.output.result(
        { saleId, units, epoch: outcome.node.epoch },
        `loaded ${counted(units, 'unit')} of ${saleId}; next: seckill pages publish && seckill sale open ${saleId}`,
      );
    },
  });
}

async function rebuild(context: CommandContext, command: Command, saleId: string): Promise<void> {
  const sale = await findSale(context, saleId);
  const queuedOrders = async () => {
    const queue = await context.queue();
    const jobs = await queue.getJobs(['waiting', 'active', 'delayed', 'failed']);
    return jobs.flatMap((job) => ordersOfJob(job.data)).filter(isReadable);
  };
  const found = await planRebuild({ ...context, queuedOrders }, saleId, sale);
  if (found === null) {
    throw new CliError(`${saleId} is on sale: pause it first ("seckill sale pause ${saleId}"); nothing was changed`, 2);
  }
  const isClosed = found.state === 'closed' || (found.state === 'missing' && sale.state === 'closed');
  if (isClosed && (found.state === 'missing' || found.counts.length + found.buyers.length === 0)) {
    throw new CliError(`${saleId} is closed for good: there is nothing to rebuild`, 2);
  }
  const plan = isClosed ? countsOnly(found) : found;
  await carryOut(command, context.output, {
    will: `change the stock of ${saleId} as shown`,
    details: rebuildPlanText(plan),
    facts: plan,
    asks: true,
    apply: () => applyPlan(context, sale, plan),
  });
}

async function applyPlan(context: CommandContext, sale: CatalogueSale, plan: RebuildPlan): Promise<void> {
  const { saleId } = sale;
  if (plan.state === 'missing') {
    // With its fault before anybody else is told of it: broken off here, it is no draft that could be opened.
    const loaded = await loadStock(context, sale, plan.total);
    if (loaded.kind === 'live') throw new CliError(`${saleId} came back while this ran: run the command again`, 1);
    await context.stock.pauseForFault(saleId, 'its stock is being rebuilt', 0);
  }
  // ZooKeeper may be away: counts and orders are mended all the same. What it may hold above the catalogue's epoch is met
  // by the next rebuild.
  const published = await readSaleNode(context.zookeeper, saleId).catch(() => null);
  const lowestEpoch = Math.max(sale.epoch, published?.epoch ?? 0);
  const rebuilt = await context.stock.barrier(saleId, () => applyRebuild(context, plan, lowestEpoch));
  const untold = await republish(context, sale).then(
    () => null,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  const free = (await context.stock.sale(saleId))?.free ?? null;
  context.output.result({ ...plan, ...rebuilt, free, untold }, rebuiltText(plan, rebuilt, free, untold));
  if (untold !== null) context.run.exitCode = 1;
  if (rebuilt.refused.length > 0 || rebuilt.oversold > 0 || plan.excess.length > 0) context.run.exitCode = 1;
}
