import { minorDigits } from '#contract/currency-digits.ts';
import type { Money } from '#contract/sale.ts';

/** Minor units as people read them: 199900 CNY → `¥1,999.00`. */
export function formatMoney({ amount, currency }: Money): string {
  const digits = minorDigits(currency);
  const format = new Intl.NumberFormat('en', {
    style: 'currency',
    currency,
    currencyDisplay: 'narrowSymbol',
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return format.format(amount / 10 ** digits);
}

/** What an order costs, by the price of one item where there are several: `2 × ¥1,999.00`. `sum` is for all of them. */
export function formatSum(sum: Money, quantity: number): string {
  const one = formatMoney({ ...sum, amount: sum.amount / quantity });
  return quantity === 1 ? one : `${quantity} × ${one}`;
}
