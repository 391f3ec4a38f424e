import { moneyText } from '#contract/money-text.ts';
import { effectiveState, type SaleNode } from '#contract/sale.ts';
import { counted } from '#runtime/counted.ts';
import type { CatalogueSale } from '#sales/catalogue.ts';
import { readSaleNode } from '#sales/publish-state.ts';
import { StockFault } from '#stock/fault.ts';
import type { StockSale } from '#stock/stock-sale.ts';
import { table } from '../../text/table.ts';
import type { CommandContext } from '../kit/connections.ts';
import { findSale } from '../kit/find-sale.ts';
import { unreadableText } from './unreadable-text.ts';
import { withoutQuiz } from './without-quiz.ts';

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

/** Every sale, a line each. */
export async function listSales({ catalogue, stock, output }: CommandContext): Promise<void> {
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
            moneyText(row.price),
            row.opensAt,
          ]),
          output.width,
        ),
  );
}

/** Everything about one sale, and what edges were told of it. */
export async function showSale(context: CommandContext, saleId: string): Promise<void> {
  const { stock, zookeeper, output } = context;
  const shown = describe(await findSale(context, saleId), await stock.sale(saleId));
  const published = await readSaleNode(zookeeper, saleId).catch(() => undefined); // shown as unknown below
  output.result(
    { ...shown, publishedEpoch: published?.epoch ?? null },
    [
      `${shown.saleId}  ${shown.title}`,
      `  state     ${shown.state} (epoch ${shown.epoch}, ${told(published)})`,
      ...(shown.fault === null ? [] : [`  FAULT     ${shown.fault}: run "seckill stock rebuild ${saleId}"`]),
      `  price     ${moneyText(shown.price)}, at most ${shown.limitPerUser} per person`,
      `  window    ${shown.opensAt} to ${shown.closesAt}`,
      ...(shown.checkout.mode === 'here' ? [] : [`  checkout  at the shop, ${shown.checkout.url}`]),
      ...(shown.collect.length === 0
        ? []
        : [`  collects  ${shown.collect.join(', ')}; erased after ${counted(shown.keepDetailsDays, 'day')}`]),
      `  units     ${shown.stock === null ? `${shown.units}, not preloaded` : `${shown.stock.free} free of ${shown.stock.total}${shown.stock.withheld === 0 ? '' : `, ${shown.stock.withheld} refunded and withheld`}`}`,
    ].join('\n'),
  );
}

function told(published: SaleNode | null | undefined): string {
  if (published === undefined) return 'zookeeper does not answer: what edges were told is unknown';
  return published === null ? 'edges know nothing of it' : `edges were told ${published.epoch}`;
}
