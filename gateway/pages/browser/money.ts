import type { Money } from '#contract/sale.ts';

/** Minor units as people read them: 199900 CNY → `¥1,999.00`. Digits after the point by ISO 4217, as ECMA-402 keeps them. */
export function formatMoney({ amount, currency }: Money): string {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency, currencyDisplay: 'narrowSymbol' });
  return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}
