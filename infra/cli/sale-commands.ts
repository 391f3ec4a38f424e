import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { effectiveState, type SaleFile, type SaleNode, saleFileSchema } from '#contract/sale.ts';
import type { CatalogueSale } from '#sales/catalogue.ts';
import { type EdgesInStep, edgesInStep } from '#sales/edges-in-step.ts';
import { readSaleNode } from '#sales/publish-state.ts';
import { changeSaleState } from '#sales/sale-state.ts';
import type { SaleAction } from '#stock/outcomes.ts';
import type { StockSale } from '#stock/stock-sale.ts';
import { CliError } from './cli-error.ts';
import { confirm } from './confirm.ts';
import { type CommandContext, withConnections } from './connections.ts';
import { dirOption, jsonOption } from './options.ts';
import { money, table } from './output.ts';

/** Reads and checks a sale file; every mistake is named at once. */
export async function readSaleFile(path: string): Promise<SaleFile> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CliError(`cannot read ${path}: ${error.code === 'ENOENT' ? 'no such file' : error.message}`, 2);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CliError(`${path} is not valid JSON: ${error instanceof Error ? error.message : String(error)}`, 2);
  }
  const result = saleFileSchema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => {
    const unknown = issue.code === 'unrecognized_keys' ? `unknown field ${issue.keys.join(', ')}` : null;
    return unknown ?? `${issue.path.join('.') || 'the file'} ${sentence(issue)}`;
  });
  throw new CliError(`${path}: ${problems.join('; ')}`, 2);
}

function sentence(issue: { code: string; message: string }): string {
  const text = issue.message.replace(/^Invalid input: /, 'is wrong: ');
  return text.includes('received undefined') ? 'is missing' : text;
}

/** The sale by its id, or a clear word that there is none. */
export async function findSale(context: Pick<CommandContext, 'catalogue'>, saleId: string): Promise<CatalogueSale> {
  const sale = await context.catalogue.find(saleId);
  if (sale === null) throw new CliError(`there is no sale "${saleId}": see "seckill sale list"`, 2);
  return sale;
}

function describe(sale: CatalogueSale, stock: StockSale | null) {
  const { state, epoch } = stock ?? sale;
  const opensAt = stock === null ? sale.opensAt : new Date(stock.opensAtMs).toISOString();
  return {
    ...sale,
    opensAt,
    state: effectiveState(state, Date.parse(opensAt), Date.parse(sale.closesAt), Date.now()),
    epoch,
    fault: stock?.fault ?? null,
    stock: stock === null ? null : { total: stock.total, free: stock.free, returned: stock.returned },
  };
}

const actions: { name: SaleAction; description: string; done: string }[] = [
  { name: 'open', description: 'put a preloaded sale on sale: it opens at its opensAt', done: 'on sale' },
  { name: 'pause', description: 'stop selling; every edge answers PAUSED until the sale is resumed', done: 'paused' },
  { name: 'resume', description: 'go on selling after a pause', done: 'resumed' },
  { name: 'close', description: 'end the sale for good', done: 'closed' },
];

export function registerSaleCommands(program: Command): void {
  const sale = program.command('sale').description('create, show and steer sales');

  sale
    .command('create')
    .argument('<file.json>', 'saleId, title, price {amount, currency}, units, opensAt, closesAt, limitPerUser, …')
    .description('create a sale from a file; it is a draft until it is preloaded and opened')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((file: string, _options, command: Command) =>
      withConnections(command, async ({ catalogue, output }) => {
        const sale = await readSaleFile(file);
        if (!(await catalogue.create(sale))) {
          throw new CliError(`a sale "${sale.saleId}" exists already: choose another saleId`, 2);
        }
        output.result(
          { ...sale, state: 'draft', epoch: 0 },
          `created ${sale.saleId} (draft); next: seckill stock preload ${sale.saleId}`,
        );
      }),
    );

  sale
    .command('list')
    .description('every sale with its state and stock')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((_options, command: Command) =>
      withConnections(command, async ({ catalogue, stock, output }) => {
        const sales = await catalogue.list();
        const rows = await Promise.all(sales.map(async (sale) => describe(sale, await stock.sale(sale.saleId))));
        output.result(
          rows,
          rows.length === 0
            ? 'no sales yet: seckill sale create <file.json>'
            : table(
                ['SALE', 'STATE', 'EPOCH', 'UNITS', 'FREE', 'PRICE', 'OPENS'],
                rows.map((row) => [
                  row.saleId,
                  row.state,
                  row.epoch,
                  row.units,
                  row.stock?.free ?? '-',
                  money(row.price),
                  row.opensAt,
                ]),
              ),
        );
      }),
    );

  sale
    .command('show')
    .argument('<saleId>')
    .description('everything about one sale')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((saleId: string, _options, command: Command) =>
      withConnections(command, async (context) => {
        const { stock, zookeeper, output } = context;
        const shown = describe(await findSale(context, saleId), await stock.sale(saleId));
        const published = await readSaleNode(zookeeper, saleId).catch(() => undefined); // shown as unknown below
        output.result(
          { ...shown, publishedEpoch: published?.epoch ?? null },
          [
            `${shown.saleId}  ${shown.title}`,
            `  state     ${shown.state} (epoch ${shown.epoch}, ${told(published)})`,
            ...(shown.fault === null ? [] : [`  FAULT     ${shown.fault}: run "seckill stock rebuild ${saleId}"`]),
            `  price     ${money(shown.price)}, at most ${shown.limitPerUser} per person`,
            `  window    ${shown.opensAt} to ${shown.closesAt}`,
            `  units     ${shown.stock === null ? `${shown.units}, not preloaded` : `${shown.stock.free} free of ${shown.stock.total}`}`,
          ].join('\n'),
        );
      }),
    );

  for (const { name, description, done } of actions) {
    const command = sale
      .command(name)
      .argument('<saleId>')
      .description(description)
      .addOption(jsonOption())
      .addOption(dirOption());
    if (name === 'open') command.option('--now', 'open at this instant: moves opensAt to now');
    if (name === 'close') command.option('--yes', 'do not ask');
    command.action((saleId: string, options: { now?: boolean; yes?: boolean }, self: Command) =>
      withConnections(self, async (context) => {
        // What counts is in stock Redis: a sale can be stopped while the catalogue is away.
        const current = await context.stock.sale(saleId);
        if (current === null) {
          await findSale(context, saleId);
          throw new CliError(`${saleId} has no stock yet: run "seckill stock preload ${saleId}" first`, 2);
        }
        if (name !== 'close' && current.closesAtMs <= Date.now()) {
          const endedAt = new Date(current.closesAtMs).toISOString();
          throw new CliError(`the window of ${saleId} ended at ${endedAt}: create a new sale`, 2);
        }
        if (name === 'close' && options.yes !== true) await confirm(`close ${saleId} for good`);
        const { outcome, notTold } = await changeSaleState(context, saleId, name, options.now ?? false);
        if (outcome.kind === 'sale_unknown')
          throw new CliError(`the stock of ${saleId} is gone: see "seckill audit"`, 2);
        if (outcome.kind === 'faulty') {
          throw new CliError(
            `${saleId} was paused because its stock is in doubt: run "seckill stock rebuild ${saleId}" first`,
            2,
          );
        }
        if (outcome.kind === 'not_allowed') {
          throw new CliError(
            `${saleId} is ${outcome.state}: it cannot be ${name === 'open' ? 'opened' : `${name}d`}`,
            2,
          );
        }
        const edges = notTold.includes('zookeeper')
          ? null
          : await edgesInStep(context.zookeeper, saleId, outcome.epoch).catch(() => null); // told below
        const word = outcome.kind === 'already' ? `was ${outcome.state} already` : done;
        context.output.result(
          { saleId, state: outcome.state, epoch: outcome.epoch, changed: outcome.kind === 'done', notTold, edges },
          `${saleId} ${word} (state ${outcome.state}, epoch ${outcome.epoch}); ${edgesText(edges)}`,
        );
      }),
    );
  }
}

function told(published: SaleNode | null | undefined): string {
  if (published === undefined) return 'zookeeper does not answer: what edges were told is unknown';
  return published === null ? 'edges were told nothing yet' : `edges were told ${published.epoch}`;
}

function edgesText(edges: EdgesInStep | null): string {
  if (edges === null) return 'ZooKeeper does not answer: edges follow when it is back';
  const { inStep, behind } = edges;
  if (behind.length > 0) return `BEHIND: ${behind.join(', ')} (they follow when they are back; see "seckill status")`;
  return inStep.length === 0 ? 'no edge is connected' : `edges in step: ${inStep.join(', ')}`;
}
