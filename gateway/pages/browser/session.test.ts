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
  return { tab: () => createSession(call, store, fetch), waiting, seen, values };
}

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
