import { expect, test } from 'vitest';
import { lsnNumber, lsnText, parseLsn } from './lsn.ts';

test.each(['0/1', '16/B374D848', 'FFFFFFFF/FFFFFFFF'])('%s is the same as text and as number', (text) => {
  expect(lsnText(parseLsn(text))).toBe(text);
});

test('places are compared as numbers, not as texts', () => {
  expect(parseLsn('0/FFFFFFFF') < parseLsn('1/0')).toBe(true);
  expect(parseLsn('A/0') > parseLsn('9/FFFFFFFF')).toBe(true);
});

test.each(['', '0', '0/', '/0', '0/123456789', '0/G', '0/1 '])('%j is none', (text) => {
  expect(() => parseLsn(text)).toThrow(RangeError);
});

test('what a number cannot hold is refused, not rounded', () => {
  expect(lsnNumber(parseLsn('1FFFFF/FFFFFFFF'))).toBe(Number.MAX_SAFE_INTEGER);
  expect(() => lsnNumber(parseLsn('200000/0'))).toThrow(RangeError);
});
