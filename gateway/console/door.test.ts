import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { createLogger } from '#runtime/logger.ts';
import { createDoor } from './door.ts';
import type { Session } from './ended-sessions.ts';

const token = 'a'.repeat(40);
const origin = 'http://localhost';

/** What a console is told of sessions that were ended, by itself or by others. */
function noteOfEnded() {
  const ids = new Set<string>();
  return {
    ...{ has: ({ id }: Session) => ids.has(id), end: ({ id }: Session) => void ids.add(id) },
    isKnown: () => true,
  };
}

function house(options: { ended?: ReturnType<typeof noteOfEnded>; token?: string; startedAt?: number } = {}) {
  const { ended = noteOfEnded(), token: its = token, startedAt = 1_700_000_000_000 } = options;
  let ms = startedAt;
  const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
  const ids = Array.from({ length: 20 }, (_, nth) => `session-${nth}`);
  const door = createDoor({
    ...{ token: its, ended, logger, now: () => ms, monotonic: () => ms },
    newId: () => ids.pop() ?? '',
  });
  const app = new Hono();
  app.route('/', door.app);
  app.use('/console', door.guard);
  app.use('/console/*', door.guard);
  app.get('/console', (context) => context.text('inside'));
  app.post('/console/api/drain', (context) => context.text('done'));
  const login = (given: string, from = origin) =>
    app.request('/console/login', {
      method: 'POST',
      body: new URLSearchParams({ token: given }),
      headers: { origin: from },
    });
  const signIn = async () => ((await login(token)).headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  const seen = async (cookie: string) => (await app.request('/console', { headers: { cookie } })).status;
  const bearer = (given: string) => app.request('/console', { headers: { authorization: `Bearer ${given}` } });
  return { app, login, signIn, seen, bearer, door, pass: (more: number) => (ms += more) };
}

test('the token opens as a bearer and by the form; nothing, and anything else, does not', async () => {
  const { app, login, bearer } = house();
  expect((await bearer(token)).status).toBe(200);
  expect((await app.request('/console')).status).toBe(401);
  for (const wrong of ['b'.repeat(40), token.slice(1), `${token}a`]) {
    const answer = await house().bearer(wrong);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="seckill"');
    expect(((await answer.json()) as { detail: string }).detail).toContain('not the token');
  }
  const form = await app.request('/console', { headers: { accept: 'text/html' } });
  expect([form.status, form.headers.get('content-type')]).toEqual([401, 'text/html; charset=UTF-8']);
  const answer = await login(token);
  expect(answer.status).toBe(303);
  const cookie = answer.headers.get('set-cookie') ?? '';
  for (const part of ['HttpOnly', 'SameSite=Strict', 'Path=/console']) expect(cookie).toContain(part);
  expect(cookie).not.toContain(token);
  const seen = await app.request('/console', { headers: { cookie: cookie.split(';')[0] ?? '' } });
  expect(await seen.text()).toBe('inside');
});

test('a session ends by itself, and one that somebody else signed is none', async () => {
  const { signIn, seen, pass } = house();
  const cookie = await signIn();
  expect(await seen(cookie)).toBe(200);
  const [name = '', value = ''] = cookie.split('=');
  expect(await seen(`${name}=9${value}`)).toBe(401);
  expect(await seen(`${name}=${value.replace(/\d{10}/, '9999999999')}`)).toBe(401);
  pass(12 * 3600 * 1000 + 1000);
  expect(await seen(cookie)).toBe(401);
});

test('signing out ends the session itself, also for copies of its cookie, and no other session', async () => {
  const { app, signIn, seen, door } = house();
  const [mine, other] = [await signIn(), await signIn()];
  const request = new Request(`${origin}/console`, { headers: { cookie: mine } });
  expect((await app.request(request)).status).toBe(200);
  expect(door.isStillIn(request)).toBe(true);
  const out = await app.request('/console/logout', { method: 'POST', headers: { cookie: mine, origin } });
  expect(out.status).toBe(303);
  expect([await seen(mine), await seen(other)]).toEqual([401, 200]);
  expect(door.isStillIn(request)).toBe(false); // a stream that it opened ends too
  expect((await app.request('/console/logout', { method: 'POST', headers: { origin } })).status).toBe(303);
});

test('a session that another console ended is ended here; another token ends them all', async () => {
  const ended = noteOfEnded();
  const [one, two] = [house({ ended }), house({ ended })];
  const cookie = await one.signIn();
  expect(await two.seen(cookie)).toBe(200);
  await one.app.request('/console/logout', { method: 'POST', headers: { cookie, origin } });
  expect(await two.seen(cookie)).toBe(401);
  expect(await house({ token: 'c'.repeat(40) }).seen(await one.signIn())).toBe(401);
});

test('a console that cannot know yet what was ended takes no session from before its start', async () => {
  const before = house();
  const cookie = await before.signIn();
  const ended = { ...noteOfEnded(), isKnown: () => false };
  const after = house({ ended, startedAt: 1_700_000_100_000 });
  expect(await after.seen(cookie)).toBe(401);
  expect(await after.seen(await after.signIn())).toBe(200);
  ended.isKnown = () => true;
  expect(await after.seen(cookie)).toBe(200);
});

test('wrong tokens of an address are slowed down more and more; the right one always gets in', async () => {
  const { bearer, login, pass } = house();
  const statuses = async () => [(await bearer('wrong')).status, (await login('wrong')).status];
  expect([...(await statuses()), (await bearer('wrong')).status]).toEqual([401, 401, 401]);
  const slow = await login('wrong');
  expect(slow.status).toBe(429);
  expect(slow.headers.get('retry-after')).toBe('1');
  expect(await slow.text()).toContain('wait 1 s');
  expect([(await bearer(token)).status, (await login(token)).status]).toEqual([200, 303]);
  expect((await bearer('wrong')).status).toBe(429); // the right token of another caller does not clear the count of wrong ones
  pass(1000);
  expect((await bearer('wrong')).status).toBe(401);
  expect((await bearer('wrong')).headers.get('retry-after')).toBe('2');
  pass(2000 + 600_001);
  expect([...(await statuses()), (await bearer('wrong')).status, (await bearer('wrong')).status]).toEqual([
    401, 401, 401, 429,
  ]);
});

test('what changes something comes from the console’s own page, with any body and any cookie', async () => {
  const { app, login, signIn } = house();
  expect((await login(token, 'http://localhost:8080')).status).toBe(403);
  const cookie = await signIn();
  const json = { 'content-type': 'application/json' };
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const send = async (headers: Record<string, string>, method = 'POST') => {
    const body = method === 'DELETE' ? null : '{}';
    return (await app.request('/console/api/drain', { method, body, headers })).status;
  };
  const authorization = `Bearer ${token}`;
  const foreign: Record<string, string>[] = [
    { origin: 'http://localhost:8080' },
    { origin: 'https://localhost' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site', origin },
    { 'sec-fetch-site': 'same-origin', origin: 'http://evil.example' },
    {}, // no browser, and no token either
  ];
  for (const type of [json, form, {}]) {
    for (const from of foreign)
      expect([type, from, await send({ cookie, ...type, ...from })]).toEqual([type, from, 403]);
    for (const from of [
      { origin },
      { 'sec-fetch-site': 'same-origin' },
      { 'sec-fetch-site': 'same-origin', origin: 'https://localhost' },
    ]) {
      expect([type, from, await send({ cookie, ...type, ...from })]).toEqual([type, from, 200]);
    }
  }
  expect(await send({ cookie, origin: 'http://localhost:8080' }, 'DELETE')).toBe(403);
  expect([await send({ authorization, ...json }), await send(json)]).toEqual([200, 401]);
  expect(await send({ authorization, ...json, origin: 'http://evil.example' })).toBe(403);
});
