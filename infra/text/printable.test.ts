import { expect, test } from 'vitest';
import { onOneLine, printable } from './printable.ts';

test.each([
  ['a C1 control that begins a sequence', 'a\u009b31mb', 'a\\u009b31mb'],
  ['an escape sequence', 'a\u001b]0;title\u0007b', 'a\\u001b]0;title\\u0007b'],
  ['a return to the start of the line', 'refused\rok', 'refused\\u000dok'],
  ['a text that turns what follows', '\u202egpj.exe', '\\u202egpj.exe'],
  ['isolates, and marks of direction', '\u2066a\u2069\u200e\u061c', '\\u2066a\\u2069\\u200e\\u061c'],
  ['what is not seen at all', 'a\u200bd\u00adm\ufeffin', 'a\\u200bd\\u00adm\\ufeffin'],
  ['tags, which are beyond U+FFFF', 'a\u{e0041}', 'a\\udb40\\udc41'],
  ['line ends by another name', 'a\u2028b\u2029c\u0085d', 'a\\u2028b\\u2029c\\u0085d'],
  ['half a character', 'a\ud83d', 'a\\ud83d'],
  ['delete', 'a\u007f', 'a\\u007f'],
])('%s is shown and not obeyed', (_what, text, shown) => {
  expect(printable(text)).toBe(shown);
  expect(JSON.parse(printable(JSON.stringify({ text })))).toEqual({ text });
});

test('words of any script, emoji and several lines stay as they are', () => {
  for (const text of ['张三 👩‍👩‍👧 ❤️ é', 'नमस्ते क्‍ष', 'می‌خواهم', 'line\n\tnext\n', '\\u202e']) {
    expect(printable(text)).toBe(text);
  }
  expect(onOneLine('a\n\tb')).toBe('a\\u000a\\u0009b');
});
