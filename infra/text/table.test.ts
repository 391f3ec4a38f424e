import stringWidth from 'string-width';
import { expect, test } from 'vitest';
import { shorten, table } from './table.ts';

const header = ['SALE', 'TITLE', 'UNITS'];
const rows = [
  ['tea-cup', '青瓷茶杯 · 首窑 — hand-thrown, fired once, one for each person who comes', 200],
  ['lamp', 'A lamp', 12_345],
];

test('a table fits the terminal: the widest column of words is shortened, nothing is wrapped, numbers stay whole', () => {
  for (const width of [80, 60, 40, 30]) {
    const lines = table(header, rows, width).split('\n');
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(width);
    expect(lines[1]).toMatch(/^tea-cup {2}.+… +200$/);
    expect(lines[2]).toMatch(/12345$/);
  }
});

test('many columns with long numbers fit as well: the words give more', () => {
  const wide = ['SALE', 'STATE', 'EPOCH', 'UNITS', 'FREE', 'PRICE', 'OPENS'];
  const row = ['tea-cup-2026-11', 'sold_out', 10_000_003, 1_000_000, '1000000', '1,999.00 CNY', '2026-11-25T20:00:00Z'];
  for (const line of table(wide, [row], 60).split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(60);
});

test('columns are straight also where signs are two columns wide', () => {
  const [, first = '', second = ''] = table(header, rows, 50).split('\n');
  expect(stringWidth(first)).toBe(stringWidth(second));
});

test('where no terminal is, nothing is cut', () => {
  expect(table(header, rows, null)).toContain('one for each person who comes');
});

test('a text is cut at its width, never in the middle of a sign', () => {
  expect(shorten('abcdef', 6)).toBe('abcdef');
  expect(shorten('abcdef', 5)).toBe('abcd…');
  expect(shorten('青瓷茶杯', 6)).toBe('青瓷…');
  expect(shorten('👩‍👩‍👧‍👦 family', 4)).toBe('👩‍👩‍👧‍👦 …');
  expect(shorten('abc', 0)).toBe('');
});

test('a cell is one line, and what a terminal would obey in it is shown and counted', () => {
  const shown = table(
    ['WHY', 'N'],
    [
      ['a\u009b31m\nb', 1],
      ['\u202exyz', 2],
    ],
    null,
  ).split('\n');
  expect(shown).toEqual(['WHY                N', 'a\\u009b31m\\u000ab  1', '\\u202exyz          2']);
});
