import { expect, test } from 'vitest';
import type { Call, Reply } from './api.ts';
import { createSession } from './session.ts';
import type { Store } from './store.ts';

/** Tabs of one browser: what one writes the others read. Each sign-in waits until it is let through. */
function browser() {
  const values = new Map<string, unknown>();
  const store: Store = {
    read: <Value>(key: string) => (values.get(key) as Value | undefined) ?? null,
    write: (key, value) => void values.set(key, value),
    forget: (prefix) => void values.set('forgotten', prefix),
    onChange: () => {},
  };
  let users = 0;
  const waiting: (() => void)[] = [];
  const seen: (string | undefined)[] = [];
  const call: Call = async <Body>(_method: string, path: string, options?: { headers?: Record<string, string> }) => {
    if (path !== '/api/session') {
      seen.push(options?.headers?.Authorization);
      if (options?.headers?.Authorization === 'Bearer old') {
        return { kind: 'refused', code: 'UNAUTHENTICATED' } as unknown as Reply<Body>; // as above
      }
      return { kind: 'ok', status: 200, body: {} } as unknown as Reply<Body>; // what a session reads of one
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
    users += 1;
    return { kind: 'ok', status: 201, body: { token: `token-${users}` } } as unknown as Reply<Body>;
  };
  /** A tab whose pages lead to the shop's own sign-in. */
  const shopTab = (cookie: () => string | null | undefined = () => undefined) =>
    createSession(call, store, fetch, { signIn: { address: () => 'https://login.example', cookie }, now: () => 1000 });
  return { tab: () => createSession(call, store, fetch), shopTab, waiting, seen, values };
}

const tokenOf = (sub: string, exp = 1_000) => `h.${Buffer.from(JSON.stringify({ sub, exp })).toString('base64url')}.s`;

test('two tabs that sign in at the same time are one shopper, whoever is answered last', async () => {
  const { tab, waiting, seen, values } = browser();
  const [first, second] = [tab(), tab()];
  const asked = [first.call('GET', '/a'), second.call('GET', '/b')];
  waiting[1]?.();
  await asked[1];
  waiting[0]?.();
  await asked[0];
  expect(seen).toEqual(['Bearer token-1', 'Bearer token-1']);
  expect(values.get('token')).toBe('token-1');
});

test('a token that is no longer taken gives way to a new one', async () => {
  const { tab, waiting, seen, values } = browser();
  values.set('token', 'old');
  const asked = tab().call('GET', '/a');
  await expect.poll(() => waiting.length).toBe(1);
  waiting[0]?.();
  expect((await asked).kind).toBe('ok');
  expect(seen).toEqual(['Bearer old', 'Bearer token-1']);
  expect(values.get('token')).toBe('token-1');
});

test('with a sign-in of the shop, a stranger is sent there, and no user is made up or asked for', async () => {
  const { shopTab, waiting, seen } = browser();
  const tab = shopTab();
  expect(tab.signInAddress()).toBe('https://login.example');
  expect(await tab.call('GET', '/a')).toMatchObject({ kind: 'refused', code: 'UNAUTHENTICATED' });
  expect([seen, waiting]).toEqual([[], []]);
});

test('a sign-in that has ended, or is no longer taken, leaves who it was, so that what was prepared is still theirs', async () => {
  const { shopTab, values, seen } = browser();
  values.set('token', tokenOf('ann'));
  const tab = shopTab();
  expect([tab.isSignedIn(), tab.signInAddress()]).toEqual([true, null]);
  values.set('token', tokenOf('ann', 1));
  expect([tab.isSignedIn(), tab.userId(), tab.signInAddress()]).toEqual([false, 'ann', 'https://login.example']);
  values.set('token', 'old');
  expect(tab.isSignedIn()).toBe(true);
  for (let n = 0; n < 3; n += 1) expect((await tab.call('GET', '/a')).kind).toBe('refused');
  expect(seen).toEqual(['Bearer old']); // asked once
  expect([tab.isSignedIn(), values.get('token')]).toEqual([false, 'old']);
  values.set('token', tokenOf('ann')); // another tab signed in
  expect((await tab.call('GET', '/a')).kind).toBe('ok');
});

test('the cookie of the shop says who it is: another user takes the place of the one before, and nobody does too', () => {
  const { shopTab, values } = browser();
  let cookie: string | null = tokenOf('ann');
  const tab = shopTab(() => cookie);
  expect([tab.userId(), values.get('token')]).toEqual(['ann', cookie]);
  cookie = tokenOf('bob');
  expect([tab.userId(), values.get('token')]).toEqual(['bob', cookie]);
  cookie = null; // signed out
  expect([tab.userId(), tab.isSignedIn(), values.get('token')]).toEqual([null, false, null]);
  cookie = 'junk';
  expect(tab.isSignedIn()).toBe(false);
});

test('a cookie that goes when its token ends leaves who it was', () => {
  const { shopTab, values } = browser();
  values.set('token', tokenOf('ann', 1));
  const tab = shopTab(() => null);
  expect([tab.userId(), tab.isSignedIn()]).toEqual(['ann', false]);
});
