import { expect, test } from 'vitest';
import { decodeUtf8 } from './text-file.ts';

/** 抢购手机, "价格" in GBK, as an editor on a Chinese Windows writes it. */
const gbk = Buffer.from('c7c0b9bacad6bbfa', 'hex');
const inFile = (bytes: Buffer) => Buffer.concat([Buffer.from('{\n  "title": "'), bytes, Buffer.from('"\n}\n')]);

test('text in UTF-8 is taken as it is, without the byte order mark', () => {
  for (const text of ['', '{"title": "抢购手机 📱 é"}\n', 'a\u2028b']) {
    expect(decodeUtf8(Buffer.from(text))).toBe(text);
    expect(decodeUtf8(Buffer.from(`\ufeff${text}`))).toBe(text);
  }
});

test.each([
  [
    'GBK',
    inFile(gbk),
    'is not UTF-8 at byte 16 (line 2), it looks like GBK: save it as UTF-8, for example with iconv -f GBK -t UTF-8',
  ],
  ['Latin-1', inFile(Buffer.from('café', 'latin1')), 'is not UTF-8 at byte 19 (line 2): save it as UTF-8'],
  ['UTF-8 that is cut off', Buffer.from('抢').subarray(0, 2), 'is not UTF-8 at byte 2 (line 1): save'],
  ['a lone surrogate, in the bytes of WTF-8', inFile(Buffer.from('eda0bd', 'hex')), 'is not UTF-8 at byte 16 (line 2)'],
  ['UTF-16 of Windows', Buffer.from('\ufeff{"a": 1}', 'utf16le'), 'is not UTF-8, it looks like UTF-16: save'],
  ['UTF-16 of a Mac', Buffer.from('\ufeff{}', 'utf16le').swap16(), 'is not UTF-8, it looks like UTF-16: save'],
  ['UTF-16 without a mark', Buffer.from('{"a": 1}', 'utf16le'), 'is not UTF-8, it looks like UTF-16: save'],
  ['UTF-32', Buffer.from('fffe00007b000000', 'hex'), 'is not UTF-8, it looks like UTF-32: save'],
  ['a program', Buffer.from('7f454c46020101000a', 'hex'), 'is no text: it holds a NUL at byte 8 (line 1)'],
])('%s is refused by name and place', (_what, bytes, words) => {
  expect(() => decodeUtf8(bytes)).toThrow(words);
});
