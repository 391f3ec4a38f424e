import { expect, test } from 'vitest';
import { acceptedOrderSchema, newOrderId, userIdSchema } from './order.ts';
import { plainLine, plainText } from './plain-text.ts';
import { parseSaleNode } from './sale.ts';

const schemas = { title: plainLine(120), 'user id': userIdSchema, description: plainText(2000) };
const wordsOf = (name: keyof typeof schemas, text: string) =>
  schemas[name].safeParse(text).error?.issues.map(({ message }) => message) ?? [];
const every = Object.keys(schemas) as (keyof typeof schemas)[];

test.each([
  ['a\u009b31mb', 'it has U+009B'],
  ['a\u001bb', 'it has U+001B'],
  ['a\u202eb', 'it has U+202E'],
  ['a\u2066b', 'it has U+2066'],
  ['a\u200fb', 'it has U+200F'],
  ['a\u200bb', 'it has U+200B'],
  ['a\ufeffb', 'it has U+FEFF'],
  ['a\u00adb', 'it has U+00AD'],
  ['a\u2028b', 'it has U+2028'],
  ['a\u2029b', 'it has U+2029'],
  ['a\u0085b', 'it has U+0085'],
  ['a\u{e0041}b', 'it has U+E0041'],
  ['a\u0000b', 'it has U+0000'],
  ['a\ud83db', 'half of one (a lone surrogate)'],
  ['\ufffd\ufffd', 'a character was lost'],
  ['\u200d', 'must contain a character that is seen'],
  ['\u3164\u2800\ufe0f', 'must contain a character that is seen'],
  ['\u0301', 'must contain a character that is seen'],
])('%j is no title, no user id and no description: %s', (text, words) => {
  for (const name of every) expect([name, wordsOf(name, text)]).toEqual([name, [expect.stringContaining(words)]]);
});

test('words of any script, emoji with joiners and signs are text', () => {
  for (const text of [
    '青瓷茶杯 · 首窑',
    '👩‍👩‍👧 ❤️ 1️⃣',
    'क्‍ष',
    'می‌خواهم',
    'auth0|{张三}:7',
    'a@b.example',
    '-',
    '€',
    'é',
  ]) {
    for (const name of every) expect([name, text, wordsOf(name, text)]).toEqual([name, text, []]);
  }
});

test('a description has lines, a title and a user id are one', () => {
  for (const text of ['a\nb', 'a\r\nb', 'a\tb']) {
    expect(wordsOf('description', text)).toEqual([]);
    for (const name of ['title', 'user id'] as const) {
      expect(wordsOf(name, text)).toEqual([expect.stringContaining('must not contain control characters')]);
    }
  }
  expect([wordsOf('description', ''), wordsOf('title', ' ')]).toEqual([[], ['must not be empty']]);
});

test('what was written before these rules is read: an accepted order of such a user, a sale of such a title', () => {
  const order = {
    orderId: newOrderId('tea', 1),
    saleId: 'tea',
    userId: 'a\u009b\u202eb',
    quantity: 1,
    place: 1,
    acceptedAt: 1,
  };
  expect(acceptedOrderSchema.parse(order)).toEqual(order);
  const node = {
    saleId: 'tea',
    title: 'Tea\u202e',
    translations: { zh: { title: '茶\u2028杯' } },
    ...{ price: { amount: 1, currency: 'CNY' }, challenge: 'none', state: 'open', epoch: 1, limits: { perUser: 1 } },
    window: { opensAt: '2026-12-01T00:00:00Z', closesAt: '2026-12-02T00:00:00Z' },
  };
  expect(parseSaleNode(JSON.stringify(node), 'tea')).toEqual(node);
});
