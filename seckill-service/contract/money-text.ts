import { minorDigits } from './currency-digits.ts';

/** `19.99 CNY` from minor units, by the currency's own number of digits. */
export function moneyText({ amount, currency }: { amount: number; currency: string }): string {
  const digits = minorDigits(currency);
  return `${(amount / 10 ** digits).toFixed(digits)} ${currency}`;
}
