/** `19.99 CNY` from minor units, by the currency's own number of digits. */
export function money(price: { amount: number; currency: string }): string {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency: price.currency, currencyDisplay: 'code' });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return `${(price.amount / 10 ** digits).toFixed(digits)} ${price.currency}`;
}
