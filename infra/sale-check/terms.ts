import { moneyText } from '#contract/money-text.ts';
import { counted } from '#runtime/counted.ts';
import type { CatalogueSale } from '#sales/catalogue.ts';
import type { StockSale } from '#stock/stock-sale.ts';
import { type Found, fail, pass, warn } from './finding.ts';

/** What the sale itself says: price, units, limit, window. All by the values given: nothing is asked. */

const longestUsualMs = 31 * 24 * 3_600_000;
const shortestUsualMs = 60_000;

/** The price against the floor; where there is none, against a hundredth of what the shop usually asks. */
export function checkPrice(
  { saleId, price }: CatalogueSale,
  floors: Readonly<Record<string, number>> | undefined,
  usualAmount: number,
): Found {
  const { currency } = price;
  const shown = moneyText(price);
  const floor = floors?.[currency];
  const another = `a sale is never changed: correct the price in its file, give it another saleId than ${saleId}, and run "seckill sale create" again`;
  if (floor !== undefined) {
    return price.amount < floor
      ? fail(`${shown} is below the floor of ${moneyText({ amount: floor, currency })}`, another)
      : pass(`${shown}, not below the floor of ${moneyText({ amount: floor, currency })}`);
  }
  if (price.amount * 100 <= usualAmount) {
    return warn(
      `${shown} is at most a hundredth of the usual ${moneyText({ amount: usualAmount, currency })}: are these minor units?`,
      another,
    );
  }
  return pass(`${shown}; no floor is set for ${currency} (SECKILL_PRICE_FLOOR)`);
}

/** Units and limit: in stock Redis, as the catalogue has them, and all of them free before the opening. */
export function checkStock(sale: CatalogueSale, stock: StockSale | null): Found {
  const { saleId, units, limitPerUser } = sale;
  const preload = `seckill stock preload ${saleId}`;
  if (stock === null) return fail('the stock is not preloaded', preload);
  if (stock.fault !== null) return fail(`its stock is in doubt: ${stock.fault}`, `seckill stock rebuild ${saleId}`);
  if (stock.state === 'closed') return fail('it is closed for good', 'a sale with another saleId');
  if (stock.state === 'paused') return fail('it is paused', `seckill sale resume ${saleId}`);
  if (stock.total !== units || stock.limitPerUser !== limitPerUser) {
    const says = `stock Redis has ${counted(stock.total, 'unit')} and a limit of ${stock.limitPerUser}, the catalogue ${units} and ${limitPerUser}`;
    return fail(says, stock.state === 'draft' ? preload : `seckill audit ${saleId}`);
  }
  if (stock.state === 'draft' && stock.free !== stock.total) {
    return fail(`only ${stock.free} of ${counted(stock.total, 'unit')} are free before the opening`, preload);
  }
  const share = limitPerUser > 1 && limitPerUser * 10 > units ? ': few buyers could take all' : '';
  const says = `${stock.free} of ${counted(stock.total, 'unit')} free, at most ${limitPerUser} per person`;
  return share === ''
    ? pass(says)
    : warn(`${says}${share}`, 'a lower limitPerUser in the sale file, under another saleId');
}

/** The window, by the clock that is given. */
export function checkWindow(sale: CatalogueSale, stock: StockSale | null, nowMs: number): Found {
  const opensAtMs = stock?.opensAtMs ?? Date.parse(sale.opensAt);
  const closesAtMs = stock?.closesAtMs ?? Date.parse(sale.closesAt);
  const shown = `${new Date(opensAtMs).toISOString()} to ${new Date(closesAtMs).toISOString()}`;
  const another = 'a sale with another saleId and another window: seckill sale create <file.json>';
  if (closesAtMs <= nowMs) return fail(`the window is over: ${shown}`, another);
  if (closesAtMs - Math.max(nowMs, opensAtMs) < shortestUsualMs) {
    return warn(`less than a minute is left of the window: ${shown}`, another);
  }
  if (closesAtMs - opensAtMs > longestUsualMs) return warn(`the window is longer than a month: ${shown}`, another);
  if (opensAtMs > nowMs) return pass(shown);
  return pass(`${shown}; ${stock === null || stock.state === 'draft' ? 'it opens at once' : 'it has begun'}`);
}
