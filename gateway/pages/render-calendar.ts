import { calendarText } from './calendar-text.ts';
import { type PageContext, type PageSale, stateOf, titlesOf } from './frame.ts';
import type { Texts } from './speech.ts';

/** How long before the opening a calendar tells of it, and how long the entry is. */
const alarmBefore = '-PT10M';
const lasts = 'PT15M';
const maxSequence = 2 ** 31 - 1;

/** Where the calendar file of a sale lies, relative to the site; null when there is nothing to wait for any more. */
export function calendarOf(sale: PageSale, { renderedAt }: PageContext): string | null {
  const isAhead = Date.parse(sale.window.opensAt) > renderedAt.getTime();
  return isAhead && stateOf(sale, renderedAt) !== 'closed' ? `sales/${sale.saleId}.ics` : null;
}

const inAll = (texts: Texts, separator: string) => [...new Set(Object.values(texts).map(String))].join(separator);
/** `20261111T120000Z` (RFC 5545, 3.3.5, form 2). */
const utc = (iso: string) => `${iso.slice(0, 19).replaceAll(/[-:]/g, '')}Z`;

/**
 * `sales/<saleId>.ics`: the opening as an entry of a calendar, in all languages. Of the same opening it is the same bytes: DTSTAMP is
 * the opening's own time, and SEQUENCE, the sale's epoch, says which of two is the newer one.
 */
export function renderCalendar(sale: PageSale, context: PageContext): string {
  const { publicUrl, speech } = context;
  const opensAt = utc(sale.window.opensAt);
  const title = inAll(titlesOf(sale), ' · ');
  const page = publicUrl === undefined ? null : `${publicUrl}/sales/${sale.saleId}`;
  const place = page === null ? 'seckill' : new URL(page).host;
  const description = [inAll(speech.each('sale.calendarNote'), '\n'), page ?? []].flat().join('\n');
  return calendarText([
    ['BEGIN', 'VCALENDAR'],
    ['VERSION', '2.0'],
    ['PRODID', '-//seckill//opening of a sale//EN'],
    ['BEGIN', 'VEVENT'],
    ['UID', `${sale.saleId}@${place}`],
    ['DTSTAMP', opensAt],
    ['SEQUENCE', String(Math.min(sale.epoch, maxSequence))],
    ['DTSTART', opensAt],
    ['DURATION', lasts],
    ['SUMMARY', { text: title }],
    ['DESCRIPTION', { text: description }],
    ...(page === null ? [] : ([['URL', page]] as const)),
    ['BEGIN', 'VALARM'],
    ['ACTION', 'DISPLAY'],
    ['DESCRIPTION', { text: title }],
    ['TRIGGER', alarmBefore],
    ['END', 'VALARM'],
    ['END', 'VEVENT'],
    ['END', 'VCALENDAR'],
  ]);
}
