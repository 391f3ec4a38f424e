import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { eachSafely, type Loop, startLoop } from '#runtime/loop.ts';
import type { Stock } from '#stock/stock.ts';
import type { StockSale } from '#stock/stock-sale.ts';

/** Tells once a second what stock Redis holds of each sale, for the metrics, and once of each that has left its list. */
export function watchSaleGauges(deps: {
  stock: Pick<Stock, 'sales' | 'eachSale'>;
  logger: Logger;
  onSale: (saleId: string, sale: StockSale) => void;
  onGone: (saleId: string) => void;
}): Loop {
  const { stock, logger, onSale, onGone } = deps;
  const warn = createThrottledWarn(logger);
  let listed: ReadonlySet<string> = new Set();
  return startLoop({
    name: 'sale gauges',
    everyMs: 1000,
    logger,
    pass: async () => {
      const sales = await stock.eachSale(await stock.sales());
      for (const saleId of listed) if (!sales.has(saleId)) onGone(saleId);
      listed = new Set(sales.keys());
      const tell = async ([saleId, sale]: [string, StockSale | null | Error]) => {
        if (sale instanceof Error) throw sale;
        if (sale !== null) onSale(saleId, sale);
      };
      await eachSafely(sales, tell, (error, [saleId]) => warn(error, `the gauges of ${saleId}`));
      return 'idle';
    },
  });
}
