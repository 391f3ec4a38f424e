import { expect, test } from 'vitest';
import { wrapParts } from './watch-funnel.ts';

test('a line that does not fit the terminal is broken between its parts, and nothing of it is lost', () => {
  const text = 'demo-1 sold_out e3 | free 0/200 | arrived 5000, shed 4672 | accepted 200 | stored 200';
  expect(wrapParts(text, 200)).toEqual([text]);
  const rows = wrapParts(text, 40);
  expect(rows.every((row) => row.length <= 40)).toBe(true);
  expect(rows.join(' | ')).toBe(text);
});
