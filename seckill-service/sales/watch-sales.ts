import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import { eachSafely, type Loop, startLoop } from '#runtime/loop.ts';
import type { Stock } from '#stock/stock.ts';
import type { StockSale } from '#stock/stock-sale.ts';

/** Tells once a second what stock Redis holds of each sale, for the metrics. */
export function watchSales(deps: {
  stock: Pick<Stock, 'sales' | 'sale'>;
  logger: Logger;
  onSale: (saleId: string, sale: StockSale) => void;
}): Loop {
  const { stock, logger, onSale } = deps;
  const warn = createThrottledWarn(logger);
  return startLoop({
    name: 'sale gauges',
    everyMs: 1000,
    logger,
    pass: async () => {
      const look = async (saleId: string) => {
        const sale = await stock.sale(saleId);
        if (sale !== null) onSale(saleId, sale);
      };
      await eachSafely(await stock.sales(), look, (error, saleId) => warn(error, `the gauges of ${saleId}`));
      return 'idle';
    },
  });
}
