import { expect, test } from 'vitest';
import { bearerOf } from './bearer.ts';

const tokenOf = (authorization: string) => bearerOf(new Request('http://edge/', { headers: { authorization } }));

test('a bearer is one in any case of its scheme and with any number of spaces behind it (RFC 9110)', () => {
  for (const text of ['Bearer a.b-c_d', 'bearer a.b-c_d', 'BEARER  a.b-c_d', ' Bearer   a.b-c_d '])
    expect(tokenOf(text)).toBe('a.b-c_d');
});

test('another scheme, no token, or more than one word is no bearer', () => {
  for (const text of ['', 'Bearer', 'Bearer ', 'Basic a', 'Bearera', 'Bearer a b', 'a', 'Bearer,a'])
    expect([text, tokenOf(text)]).toEqual([text, null]);
  expect(bearerOf(new Request('http://edge/'))).toBeNull();
});
