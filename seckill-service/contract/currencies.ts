import { z } from 'zod';
import { otherDigits } from './currency-digits.ts';

/** Of two digits. Source and date: currency-digits.ts. Without funds, precious metals and other codes that do not pay. */
const ofTwoDigits = `
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK
DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD
KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP
PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH
USD UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG`;
const funds = ['CLF', 'UYI'];

/** Every ISO 4217 code that a price may be in. */
export const currencies: ReadonlySet<string> = new Set(
  [ofTwoDigits, ...Object.values(otherDigits)]
    .flatMap((codes) => codes.trim().split(/\s+/))
    .filter((code) => !funds.includes(code)),
);

/** What people write, and what ISO calls it; the withdrawn ones with what took their place. */
const meant: Readonly<Record<string, string>> = {
  ...{ RMB: 'CNY', CNH: 'CNY', NTD: 'TWD', UKP: 'GBP', STG: 'GBP' },
  ...{ BGN: 'EUR', HRK: 'EUR', ANG: 'XCG', SLL: 'SLE', BYR: 'BYN', MRO: 'MRU', STD: 'STN', ZWL: 'ZWG' },
};

/** A currency in a sale file or a setting; what is stored is read without this, so that it stays readable. */
export const currencySchema = z.string().superRefine((code, context) => {
  if (currencies.has(code)) return;
  const upper = code.toUpperCase();
  const better = currencies.has(upper) ? upper : meant[upper];
  context.addIssue({
    code: 'custom',
    message:
      better === undefined ? 'must be an ISO 4217 code such as "CNY"' : `must be an ISO 4217 code: say ${better}`,
  });
});
