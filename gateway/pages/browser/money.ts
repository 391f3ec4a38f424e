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
