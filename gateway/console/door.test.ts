import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { createLogger } from '#runtime/logger.ts';
import { createDoor } from './door.ts';

const token = 'a'.repeat(40);
const origin = 'http://localhost';

function house() {
  let ms = 1_000_000;
  const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
  const door = createDoor({ token, logger, now: () => ms, monotonic: () => ms });
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
  const bearer = (given: string) => app.request('/console', { headers: { authorization: `Bearer ${given}` } });
  return { app, login, bearer, pass: (more: number) => (ms += more) };
}

test('the token opens as a bearer and by the form; nothing, and anything else, does not', async () => {
  const { app, login, bearer } = house();
  expect((await bearer(token)).status).toBe(200);
  expect((await app.request('/console')).status).toBe(401);
  for (const wrong of ['b'.repeat(40), token.slice(1), `${token}a`]) {
    const answer = await house().bearer(wrong);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
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
  const { app, login, pass } = house();
  const [cookie = ''] = ((await login(token)).headers.get('set-cookie') ?? '').split(';');
  const with_ = (value: string) => app.request('/console', { headers: { cookie: value } });
  expect((await with_(cookie)).status).toBe(200);
  const [name = '', value = ''] = cookie.split('=');
  expect((await with_(`${name}=9${value}`)).status).toBe(401);
  pass(12 * 3600 * 1000 + 1000);
  expect((await with_(cookie)).status).toBe(401);
});

test('who guesses is slowed down more and more, even with the right token; the others are not', async () => {
  const { bearer, login, pass } = house();
  const statuses = async () => [(await bearer('wrong')).status, (await login('wrong')).status];
  expect([...(await statuses()), (await bearer('wrong')).status]).toEqual([401, 401, 401]);
  const slow = await login('wrong');
  expect(slow.status).toBe(429);
  expect(slow.headers.get('retry-after')).toBe('1');
  expect(await slow.text()).toContain('wait 1 s');
  expect((await bearer(token)).status).toBe(429);
  pass(1000);
  expect((await bearer('wrong')).status).toBe(401);
  expect((await bearer('wrong')).headers.get('retry-after')).toBe('2');
  pass(2000);
  expect((await bearer(token)).status).toBe(200);
  expect((await bearer('wrong')).status).toBe(401);
});

test('a form that another page sends is refused, whatever cookie comes with it', async () => {
  const { app, login } = house();
  expect((await login(token, 'http://localhost:8080')).status).toBe(403);
  const [cookie = ''] = ((await login(token)).headers.get('set-cookie') ?? '').split(';');
  const send = (from: string) =>
    app.request('/console/api/drain', { method: 'POST', body: '{}', headers: { cookie, origin: from } });
  expect((await send('http://localhost:8080')).status).toBe(403);
  expect((await send(origin)).status).toBe(200);
});
