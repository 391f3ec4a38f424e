import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { spawnTied, type TiedProcess } from '#lab/servers/tied-process.ts';

const page = 'http://127.0.0.1:8080/sales/tea?sign-in=n1';
let example: TiedProcess;
/** As it printed them, ready for a shell. */
const settings: Record<string, string> = {};

beforeAll(async () => {
  const main = join(import.meta.dirname, 'main.ts');
  example = spawnTied(process.execPath, [main, '--port', '0'], { stdio: ['ignore', 'pipe', 'ignore'] });
  if (example.child.stdout === null) throw new Error('it has no output');
  for await (const line of createInterface({ input: example.child.stdout })) {
    const [, name = '', value = ''] = /^ {2}(SECKILL_\w+)='(.*)' \\$/.exec(line) ?? [];
    if (name !== '') settings[name] = value;
    if (line.trim() === 'npm start') return;
  }
});
afterAll(() => example?.end());

const signIn = (returnTo: string) =>
  (settings.SECKILL_SIGN_IN_URL ?? '').replace('{returnTo}', encodeURIComponent(returnTo));

/** A browser as far as it goes: it keeps cookies and follows no redirect by itself. */
function browser() {
  const cookies = new Map<string, string>();
  return async (url: string, init: RequestInit = {}) => {
    const Cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { redirect: 'manual', ...init, headers: { Cookie } });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      cookies.set(name, value);
    }
    return { status: response.status, location: response.headers.get('Location') ?? '' };
  };
}

/** The address at the end of the way, from which the browser comes to `/callback`. */
async function nameGiven(visit: ReturnType<typeof browser>, name: string): Promise<string> {
  const issuer = settings.SECKILL_SIGN_IN_ISSUER ?? '';
  const { location: asking } = await visit((await visit(signIn(page))).location);
  const body = new URLSearchParams({ name });
  const { location: resumed } = await visit(new URL(asking, issuer).href, { method: 'POST', body });
  return (await visit(resumed)).location;
}

test('the example signs a shopper in, with a token that the printed settings take', async () => {
  const visit = browser();
  const { location } = await visit(await nameGiven(visit, '小明'));
  const [address, token = ''] = location.split('#token=');
  expect(address).toBe(page);
  const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(settings.SECKILL_SIGN_IN_JWKS_URL ?? '')), {
    issuer: settings.SECKILL_SIGN_IN_ISSUER ?? '',
    audience: settings.SECKILL_SIGN_IN_AUDIENCE ?? '',
    algorithms: ['ES256'],
  });
  expect(payload.sub).toBe('小明');
});

test.each([
  'https://evil.example/',
  'http://127.0.0.1:8080@evil.example/',
  'http://127.0.0.1:8081/',
  'https://127.0.0.1:8080/',
  '//evil.example/',
  'javascript:alert(1)',
  '',
])('a token goes to no address but the shop’s: %s', async (returnTo) => {
  expect(await browser()(signIn(returnTo))).toEqual({ status: 400, location: '' });
});

test('another browser cannot end a sign-in, and neither can the same one twice', async () => {
  const mine = browser();
  const callback = await nameGiven(mine, 'ann');
  expect(await browser()(callback)).toEqual({ status: 400, location: '' });
  const again = browser();
  const other = await nameGiven(again, 'ann');
  expect((await again(other)).status).toBe(303);
  expect((await again(other)).status).toBe(400);
});
