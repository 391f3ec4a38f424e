import { expect, test } from 'vitest';
import { isSecureUrl } from './secure-url.ts';

test.each([
  ['https://shop.example', true],
  ['http://127.0.0.1:8080', true],
  ['http://127.1', true],
  ['http://localhost', true],
  ['http://[::1]:80', true],
  ['http://shop.example', false],
  ['http://127.0.0.1.shop.example', false],
  ['http://localhost.shop.example', false],
  ['http://10.0.0.1', false],
  ['ftp://127.0.0.1', false],
])('a shopper, a token or a key may travel by %s: %s', (url, isSecure) => {
  expect(isSecureUrl(new URL(url))).toBe(isSecure);
});
