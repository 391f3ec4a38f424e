import { expect, test } from 'vitest';
import { embedOriginsSchema } from './embed-origins.ts';

const judged = (text: string) => {
  const { data, error } = embedOriginsSchema.safeParse(text);
  return data ?? error?.issues.map(({ message }) => message).join('\n');
};

test.each([
  'https://www.shop.example',
  'https://www.shop.example:8443',
  'https://xn--fsq.example',
  'https://[2001:db8::1]',
  'http://localhost:3000',
  'http://127.0.0.1:8080',
  'http://[::1]:8080',
])('%s may embed', (origin) => expect(judged(origin)).toEqual([origin]));

test('several are separated by commas', () => {
  expect(judged('https://a.example,https://b.example')).toEqual(['https://a.example', 'https://b.example']);
});

test.each([
  ['https://shop.example/', 'https://shop.example in the place of'],
  ['https://shop.example/blog', 'https://shop.example in the place of'],
  ['https://SHOP.example', 'https://shop.example in the place of'],
  ['https://shop.example:443', 'https://shop.example in the place of'],
  ['https://店.example', 'https://xn--hxt.example in the place of'],
  ['https://a.example, https://b.example', 'https://b.example in the place of'],
])('%s is told how browsers write it', (text, says) => expect(judged(text)).toContain(says));

test.each([
  '',
  '*',
  'null',
  'shop.example',
  'https://*.shop.example',
  'http://shop.example',
  'http://localhost.shop.example',
  'http://127.0.0.1.shop.example',
  'https://a;b.example',
  "https://a'.example",
  'https://a$uri',
  'https://a"b.example',
  'https://{a}.example',
  'https://user@shop.example;x',
  'ftp://shop.example',
  'https://',
  'https://-',
  'https://shop.example:99999',
])('%s is refused in words', (text) => expect(judged(text)).toMatch(/^must be origins such as https:/));
