import { expect, test } from 'vitest';
import { type Arrival, takeArrival } from './arrival.ts';
import { askedKey, cookieOf } from './sign-in.ts';
import type { Store } from './store.ts';

const tokenOf = (claims: object) =>
  ['{"alg":"ES256"}', JSON.stringify(claims), 'signature']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.');
const ann = tokenOf({ sub: 'ann', exp: 2_000_000_000 });
const bob = tokenOf({ sub: '小明', exp: 2_000_000_000 });

function storeOf(values: Record<string, unknown>) {
  const held = new Map(Object.entries(values));
  const store: Store = {
    read: <Value>(key: string) => (held.get(key) as Value | undefined) ?? null,
    write: (key, value) => void held.set(key, value),
    forget: () => {},
    onChange: () => {},
  };
  return { held, store };
}

/** A tab that asked with the nonce `n1`, on which `stored` is signed in, and that comes to `href`. */
function arrive(href: string, options: { stored?: string; cookie?: string | null; hasSignIn?: boolean } = {}) {
  const { stored = null, cookie, hasSignIn = true } = options;
  const [tab, lasting] = [storeOf({ [askedKey]: 'n1' }), storeOf({ token: stored })];
  let address = href;
  const told = takeArrival({
    href,
    replace: (next) => {
      address = next;
    },
    ...{ tab: tab.store, lasting: lasting.store },
    signIn: hasSignIn ? { address: () => '', cookie: () => cookie } : null,
  });
  return { told, address, token: lasting.held.get('token'), asked: tab.held.get(askedKey) };
}

const page = 'https://shop.example/sales/tea';
const asked = `${page}?sign-in=n1`;

test('the token that this tab asked for is taken, once, and the address is clean', () => {
  expect(arrive(`${page}?from=x&sign-in=n1#token=${ann}`)).toEqual({
    told: null,
    address: `${page}?from=x`,
    token: ann,
    asked: null,
  });
});

test('the same user again is nothing to tell; another one is', () => {
  expect(arrive(`${asked}#token=${ann}`, { stored: ann })).toMatchObject({ told: null, token: ann });
  expect(arrive(`${asked}#token=${bob}`, { stored: ann })).toMatchObject({ told: 'otherUser', token: bob });
});

test.each([
  ['no nonce', `${page}#token=${bob}`],
  ['another nonce', `${page}?sign-in=n2#token=${bob}`],
  ['an empty nonce', `${page}?sign-in=#token=${bob}`],
])('a link of a stranger signs nobody in: %s', (_name, href) => {
  expect(arrive(href, { stored: ann })).toEqual({ told: 'unasked', address: page, token: ann, asked: 'n1' });
  expect(arrive(href, { stored: ann, hasSignIn: false })).toMatchObject({ told: 'unasked', address: page, token: ann });
});

test.each([
  ['is no JWT', 'secret'],
  ['has two parts', ann.split('.').slice(0, 2).join('.')],
  ['has four parts', `${ann}.x`],
  ['holds no JSON', 'a.b.c'],
  ['names no user', tokenOf({ exp: 2_000_000_000 })],
  ['names a number', tokenOf({ sub: 7 })],
  ['names nobody', tokenOf({ sub: '' })],
  ['is null in it', tokenOf([null])],
  ['has markup', `${ann}<script>`],
  ['is 10 KB long', tokenOf({ sub: 'ann', more: 'x'.repeat(10_000) })],
])('a token that %s is not taken, and the one before stays', (_name, token) => {
  const href = `${asked}#token=${encodeURIComponent(token)}`;
  expect(arrive(href, { stored: ann })).toEqual({ told: 'unreadable', address: page, token: ann, asked: null });
});

test.each<[string, Arrival | null]>([
  [asked, 'nothing'],
  [`${asked}#error=access_denied`, 'nothing'],
  [`${asked}#token=`, 'unreadable'],
  [`${page}?sign-in=n2`, null], // an old address
  [page, null],
  [`${page}#main`, null],
])('who comes back without a token is told so: %s', (href, told) => {
  expect(arrive(href)).toMatchObject({ told, token: null });
});

test('an address that no sign-in made stays as it is', () => {
  expect(arrive(`${page}?a=1#main`).address).toBe(`${page}?a=1#main`);
});

test('where the token comes in a cookie, one in the address counts for nothing', () => {
  expect(arrive(`${asked}#token=${bob}`, { cookie: ann })).toMatchObject({ told: null, token: ann, address: page });
  expect(arrive(`${asked}#token=${bob}`, { cookie: null, stored: ann })).toMatchObject({ told: 'nothing', token: ann });
  expect(arrive(asked, { cookie: 'junk' })).toMatchObject({ told: 'unreadable', token: null });
});

test('a cookie is found by its whole name', () => {
  expect(cookieOf('xsid=1; sid=2; sid=3', 'sid')).toBe('2');
  expect(cookieOf('xsid=1; SID=2', 'sid')).toBeNull();
  expect(cookieOf('sid=', 'sid')).toBeNull();
  expect(cookieOf('', 'sid')).toBeNull();
});
