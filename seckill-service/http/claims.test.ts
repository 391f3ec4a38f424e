import { expect, test } from 'vitest';
import { judgeClaims } from './claims.ts';

const nowSeconds = 1_800_000_000;
const good = { sub: 'shopper-7', exp: nowSeconds + 60 };
const judge = (claims: unknown, expected = {}) => judgeClaims(claims, expected, nowSeconds * 1000);

test('a token says who its bearer is by `sub` and `exp` alone, with 5 s for clocks; `iat` is not looked at', () => {
  for (const claims of [
    good,
    { ...good, exp: nowSeconds - 4 },
    { ...good, nbf: nowSeconds + 5 },
    { ...good, iat: nowSeconds + 86_400 },
    { ...good, iat: 'yesterday' },
    { ...good, iss: 'any issuer', aud: ['anything'] },
  ])
    expect([claims, judge(claims)]).toEqual([claims, { kind: 'known', userId: 'shopper-7' }]);
});

test('issuer and audience count where they are expected', () => {
  const expected = { issuer: 'https://shop.example', audience: 'seckill' };
  const right = { ...good, iss: 'https://shop.example', aud: 'seckill' };
  expect(judge(right, expected).kind).toBe('known');
  expect(judge({ ...right, aud: ['newsletter', 'seckill'] }, expected).kind).toBe('known');
  for (const change of [{ iss: 'https://elsewhere.example' }, { iss: undefined }, { aud: 'newsletter' }, { aud: [] }])
    expect(judge({ ...right, ...change }, expected)).toMatchObject({ kind: 'unknown', isSignIn: true });
});

test.each([
  ['no exp', { sub: 'a' }, 'must write "exp"'],
  ['an exp in words', { ...good, exp: 'tomorrow' }, 'must write "exp"'],
  ['an nbf to come', { ...good, nbf: nowSeconds + 6 }, 'set the clock'],
  ['no sub', { exp: good.exp }, '"sub" is missing'],
  ['a sub that is a number', { ...good, sub: 7 }, '"sub" is no text'],
  ['an empty sub', { ...good, sub: '' }, '"sub" must not be empty'],
  ['half a character', { ...good, sub: 'a\ud800' }, '(a lone surrogate)'],
  ['a line feed', { ...good, sub: 'a\nb' }, 'control characters'],
  ['129 bytes', { ...good, sub: 'x'.repeat(129) }, 'at most 128 bytes'],
  ['a list', [good], 'must sign a JSON object'],
])('%s: the shopper is unknown, and the sentence says what the sign-in has to change', (_, claims, words) => {
  expect(judge(claims)).toEqual({ kind: 'unknown', detail: expect.stringContaining(words), isSignIn: true });
});

test('a token that has expired is the shopper’s to renew, not a mistake of the sign-in', () => {
  const verdict = judge({ ...good, exp: nowSeconds - 5 });
  expect(verdict).toEqual({ kind: 'unknown', detail: 'The token has expired: sign in again.', isSignIn: false });
});
