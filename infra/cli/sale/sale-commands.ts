import type { Command } from 'commander';
import { effectiveState, type SaleNode } from '#contract/sale.ts';
import { isShadowSale, shadowSalePrefix } from '#contract/shadow-sale.ts';
import type { CatalogueSale } from '#sales/catalogue.ts';
import { readSaleNode } from '#sales/publish-state.ts';
import { readUsual } from '#sales/usual.ts';
import { StockFault } from '#stock/fault.ts';
import type { StockSale } from '#stock/stock-sale.ts';
import { money } from '../../text/money.ts';
import { table } from '../../text/table.ts';
import { carryOut, changes } from '../kit/change.ts';
import { CliError } from '../kit/cli-error.ts';
import { type CommandContext, commandConfig, withConnections } from '../kit/connections.ts';
import { findSale } from '../kit/find-sale.ts';
import { dirOption, jsonOption } from '../kit/options.ts';
import { registerSaleCheck } from './sale-check-command.ts';
import { readPicture, readSaleFile, toNewSale } from './sale-file.ts';
import { registerSaleStateCommands } from './sale-state-commands.ts';
import { unreadableText } from './unreadable-text.ts';
import { unusualOf } from './unusual.ts';

/** For people and programs: how many questions there are; the sealed answers say nothing to anyone. */
function withoutQuiz<Sale extends { sealedQuiz?: unknown[] | undefined }>({ sealedQuiz, ...sale }: Sale) {
  return sealedQuiz === undefined ? sale : { ...sale, questions: sealedQuiz.length };
}

function describe(sale: CatalogueSale, stock: StockSale | null) {
  const { state, epoch } = stock ?? sale;
  const opensAt = stock === null ? sale.opensAt : new Date(stock.opensAtMs).toISOString();
  return {
    ...withoutQuiz(sale),
    opensAt,
    state: effectiveState(state, Date.parse(opensAt), Date.parse(sale.closesAt), Date.now()),
    epoch,
    fault: stock?.fault ?? null,
    stock:
      stock === null
        ? null
        : { total: stock.total, free: stock.free, returned: stock.returned, withheld: stock.withheld },
  };
}

const fields = 'saleId, title, price {amount, currency}, units, opensAt, closesAt, limitPerUser, …';

async function createSale(
  file: string,
  command: Command,
  { catalogue, pool, output, environment }: Pick<CommandContext, 'catalogue' | 'pool' | 'output' | 'environment'>,
): Promise<void> {
  const written = await readSaleFile(file);
  if (isShadowSale(written.saleId)) {
    const says = `a saleId that begins with "${shadowSalePrefix}" is a load test's, nobody is charged in it`;
    throw new CliError(`${says}: choose another one, or see "seckill loadtest --help"`, 2);
  }
  const picture = await readPicture(written, file);
  const secret = () => commandConfig(['SECKILL_CHALLENGE_SECRET'], environment).SECKILL_CHALLENGE_SECRET;
  const sale = toNewSale(written, secret);
  const { saleId, units, price, opensAt, closesAt } = sale;
  const taken = new CliError(`a sale "${saleId}" exists already: choose another saleId`, 2);
  if ((await catalogue.find(saleId)) !== null) throw taken;
  const because = unusualOf(sale, await readUsual(pool, price.currency, saleId));
  await carryOut(command, output, {
    will: `create ${saleId}, ${units} units at ${money(price)}, ${opensAt} to ${closesAt}`,
    facts: { saleId, units, price, opensAt, closesAt, picture: picture !== null },
    unusual: because.length === 0 ? undefined : { name: saleId, because },
    apply: async () => {
      if (!(await catalogue.create(sale, picture))) throw taken;
      output.result(
        { ...withoutQuiz(sale), picture: picture !== null, state: 'draft', epoch: 0 },
        `created ${saleId} (draft); next: seckill stock preload ${saleId}`,
      );
    },
  });
}

export function registerSaleCommands(program: Command): void {
  const sale = program.command('sale').description('create, show and steer sales');

  changes(sale.command('create').argument('<file.json>', fields), 'when unusual')
    .description('create a sale from a file; it is a draft until it is preloaded and opened')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((file: string, _options, command: Command) =>
      withConnections(command, (context) => createSale(file, command, context)),
    );

  sale
    .command('list')
    .description('every sale with its state and stock')
    .addOption(jsonOption())
    .addOption(dirOption())
    .action((_options, command: Command) =>
      withConnections(command, async ({ catalogue, stock, output }) => {
        const sales = await catalogue.list();
        const books = await stock.eachSale(sales.map(({ saleId }) => saleId));
        const rows = sales.map((sale) => {
          const read = books.get(sale.saleId) ?? null;
          if (read instanceof StockFault) throw read;
          if (!(read instanceof Error)) return describe(sale, read);
          output.progress(`${sale.saleId}: ${unreadableText(sale.saleId, read)}`);
          return { ...describe(sale, null), fault: read.message };
        });
        output.result(
          rows,
          rows.length === 0
            ? 'no sales yet: seckill sale create <file.json>'
            : table(
                ['SALE', 'STATE', 'EPOCH', 'UNITS', 'FREE', 'PRICE', 'OPENS'],
                rows.map((row) => [
                  row.saleId,
                  row.fault === null ? row.state : `${row.state} (FAULT)`,
                  row.epoch,
                  row.units,
                  row.stock?.free ?? '-',
                  money(row.price),
                  row.opensAt,
                ]),
                output.width,
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
            `  units     ${shown.stock === null ? `${shown.units}, not preloaded` : `${shown.stock.free} free of ${shown.stock.total}${shown.stock.withheld === 0 ? '' : `, ${shown.stock.withheld} refunded and withheld`}`}`,
          ].join('\n'),
        );
      }),
    );

  registerSaleCheck(sale);
  registerSaleStateCommands(sale);
}

function told(published: SaleNode | null | undefined): string {
  if (published === undefined) return 'zookeeper does not answer: what edges were told is unknown';
  return published === null ? 'edges know nothing of it' : `edges were told ${published.epoch}`;
}
