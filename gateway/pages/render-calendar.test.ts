import { expect, test } from 'vitest';
import { calendarText } from './calendar-text.ts';
import { calendarOf, renderCalendar } from './render-calendar.ts';
import { renderSale } from './render-sale.ts';
import { testingContext } from './testing-context.ts';
import { testingSale } from './testing-sale.ts';

const now = new Date('2026-11-11T12:00:00Z');
const context = testingContext(now);
const later = { window: { opensAt: '2026-11-12T08:30:00.000Z', closesAt: '2026-11-12T09:30:00.000Z' } };
const unfolded = (text: string) => text.replaceAll(/\r\n[ \t]/g, '').split('\r\n');

test('a file says when the sale opens, rings ten minutes before, and names its page where the shop has an address', () => {
  const sale = testingSale('tea', now, { ...later, epoch: 7, translations: { zh: { title: '瓷器茶具' } } });
  const lines = unfolded(renderCalendar(sale, { ...context, publicUrl: 'https://sale.example' }));
  expect(lines).toEqual([
    'BEGIN:VCALENDAR',
    'VERSION:2.0',
    expect.stringMatching(/^PRODID:./),
    'BEGIN:VEVENT',
    'UID:tea@sale.example',
    'DTSTAMP:20261112T083000Z',
    'SEQUENCE:7',
    'DTSTART:20261112T083000Z',
    'DURATION:PT15M',
    'SUMMARY:Porcelain tea set · 瓷器茶具',
    expect.stringMatching(/^DESCRIPTION:.*\\n.*[。]\\nhttps:\/\/sale\.example\/sales\/tea$/),
    'URL:https://sale.example/sales/tea',
    'BEGIN:VALARM',
    'ACTION:DISPLAY',
    'DESCRIPTION:Porcelain tea set · 瓷器茶具',
    'TRIGGER:-PT10M',
    'END:VALARM',
    'END:VEVENT',
    'END:VCALENDAR',
    '',
  ]);
  const without = renderCalendar(sale, context);
  expect(without).not.toMatch(/URL:|http/);
  expect(renderCalendar(sale, testingContext(new Date(now.getTime() + 60_000)))).toBe(without); // the same bytes later
});

test('no line is longer than 75 octets, no character is cut, and every line ends with CRLF (RFC 5545, 3.1)', () => {
  for (const title of ['茶'.repeat(120), '🫖'.repeat(60), 'a'.repeat(120), `${'a'.repeat(66)}é`]) {
    const text = renderCalendar(testingSale('tea', now, { ...later, title }), context);
    expect(text).toMatch(/^(?:[^\r\n]+\r\n)+$/);
    for (const line of text.split('\r\n')) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(75);
    expect(text).not.toContain('\uFFFD');
    expect(unfolded(text)).toContain(`SUMMARY:${title}`);
  }
});

test('a text cannot begin a property of its own (RFC 5545, 3.3.11)', () => {
  const text = 'a;b,c\\d\r\nATTACH:https://evil.example\nx\ry\0z\tok';
  expect(calendarText([['SUMMARY', { text }]])).toBe(
    'SUMMARY:a\\;b\\,c\\\\d\\nATTACH:https://evil.example\\nx\\nyz\tok\r\n',
  );
});

test('there is a file, and a link to it, as long as the opening is ahead', () => {
  const kinds = {
    ahead: testingSale('tea', now, later),
    paused: testingSale('tea', now, { ...later, state: 'paused' }),
    open: testingSale('tea', now),
    closed: testingSale('tea', now, { ...later, state: 'closed' }),
  };
  const found = Object.entries(kinds).map(([name, sale]) => [
    name,
    calendarOf(sale, context),
    renderSale(sale, context).includes('href="/sales/tea.ics"'),
  ]);
  expect(found).toEqual([
    ['ahead', 'sales/tea.ics', true],
    ['paused', 'sales/tea.ics', true],
    ['open', null, false],
    ['closed', null, false],
  ]);
});
