/**
 * Currencies and funds whose minor unit has another number of digits than 2. Source: ISO 4217, List One, as SIX, its
 * maintenance agency, published it on 2026-01-01 (list-one.xml, `CcyMnrUnts`).
 *
 * A file of its own: it is all that a shopper's browser needs of the list.
 */
export const otherDigits: Readonly<Record<number, string>> = {
  0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF',
  3: 'BHD IQD JOD KWD LYD OMR TND',
  4: 'CLF UYW',
};

/**
 * Digits of a currency's minor unit: 2 of CNY, where 1999 is 19.99. Never those of `Intl`: they come from CLDR, which
 * drops the minor unit of HUF, IDR, COP and others. Of a code that ISO does not list, 2, as ECMA-402 has it: a sale in
 * a currency that was withdrawn stays readable.
 */
export function minorDigits(currency: string): number {
  const [digits] = Object.entries(otherDigits).find(([, codes]) => codes.split(' ').includes(currency)) ?? [];
  return Number(digits ?? 2);
}
