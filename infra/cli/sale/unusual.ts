import { moneyText } from '#contract/money-text.ts';
import type { Money } from '#contract/sale.ts';
import { type Usual, unusualTimes } from '#sales/usual.ts';

/** Why a sale's price or stock is far above what the shop usually has; empty when it is not. */
export function unusualOf(sale: { price: Money; units: number }, usual: Usual): string[] {
  const { price, units } = sale;
  const of = usual.sales === 0 ? 'of a shop that has not had three sales yet' : `of ${usual.sales} earlier sales`;
  const because: string[] = [];
  if (price.amount >= unusualTimes * usual.priceAmount) {
    const is = moneyText({ amount: Math.round(usual.priceAmount), currency: price.currency });
    because.push(
      `the price of ${moneyText(price)} is ${times(price.amount / usual.priceAmount)} the usual ${is} ${of}`,
    );
  }
  if (units >= unusualTimes * usual.units) {
    because.push(`${units} units are ${times(units / usual.units)} the usual ${Math.round(usual.units)} ${of}`);
  }
  return because;
}

const times = (factor: number) => `${Math.floor(factor)} times`;
