import { minorDigits } from '#contract/currency-digits.ts';
import type { Money } from '#contract/sale.ts';

/**
 * Digits of the amounts that Stripe is told, where they are not the two that most currencies have. Source:
 * https://docs.stripe.com/currencies (zero-decimal, three-decimal, special cases), as it stood in 2026.
 */
const stripeDigits: Readonly<Record<number, string>> = {
  0: 'BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF',
  3: 'BHD JOD KWD OMR TND',
};

/** In ISO 4217 without minor units, and told to Stripe with two digits that are always 00. */
const wholeWithTwoDigits = 'ISK';

/** Stripe's page lists it among the zero-decimal currencies, and two lines below with two digits: 100 times as much. */
const contradicted = 'UGX';

/** Null: Stripe's page does not say how this currency is counted. */
function digitsOf(currency: string): number | null {
  if (currency === contradicted) return null;
  if (currency === wholeWithTwoDigits) return 2;
  const listed = Object.entries(stripeDigits).find(([, codes]) => codes.split(' ').includes(currency));
  if (listed !== undefined) return Number(listed[0]);
  return minorDigits(currency) === 2 ? 2 : null;
}

export type StripeAmount = { kind: 'amount'; amount: number } | { kind: 'refused'; reason: string };

/**
 * An amount in minor units by ISO 4217 as Stripe counts it. `refused`: Stripe cannot take exactly this amount, or does not
 * say how it counts the currency.
 */
export function toStripeAmount({ amount, currency }: Money): StripeAmount {
  const refused = (why: string): StripeAmount => ({ kind: 'refused', reason: `${amount} ${currency}: ${why}` });
  const digits = digitsOf(currency);
  if (digits === null) return refused('the Stripe adapter does not take this currency');
  const told = scaled(amount, digits - minorDigits(currency));
  if (!Number.isSafeInteger(told)) return refused('Stripe takes whole units of this currency');
  if (digits === 3 && told % 10 !== 0) return refused('Stripe takes amounts of this currency whose last digit is 0');
  return { kind: 'amount', amount: told };
}

/** The other way round; `currency` in Stripe's lower case. Null: it cannot be one of our amounts. */
export function fromStripeAmount(told: number, stripeCurrency: string): Money | null {
  const currency = stripeCurrency.toUpperCase();
  const digits = digitsOf(currency);
  if (digits === null) return null;
  const amount = scaled(told, minorDigits(currency) - digits);
  return Number.isSafeInteger(amount) ? { amount, currency } : null;
}

/** Divided where there are fewer digits: multiplied by 0.01, a whole number may come out as none. */
const scaled = (amount: number, digits: number): number =>
  digits < 0 ? amount / 10 ** -digits : amount * 10 ** digits;
