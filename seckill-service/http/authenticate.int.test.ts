import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAuthenticate, signSession } from './authenticate.ts';

const secret = 'a-session-secret-of-a-test-000000';
const [issuer, audience] = ['https://shop.example', 'seckill'];
const { publicKey, privateKey } = await generateKeyPair('ES256');
const stranger = await generateKeyPair('ES256');
let status = 200;
const shop = createServer(async (_, response) => {
  const key = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ keys: [key] }));
});
let jwksUrl = '';

beforeAll(async () => {
  shop.listen(0, '127.0.0.1');
  await once(shop, 'listening');
  jwksUrl = `http://127.0.0.1:${(shop.address() as AddressInfo).port}/jwks`; // a TCP server's
});
afterAll(() => shop.close());

type Claims = { sub?: string; iss?: string; aud?: string; exp?: string };
function token(claims: Claims = {}, key = privateKey, kid = 'one'): Promise<string> {
  const { exp = '5m', ...rest } = { sub: 'shopper-7', iss: issuer, aud: audience, ...claims };
  return new SignJWT(rest).setProtectedHeader({ alg: 'ES256', kid }).setExpirationTime(exp).sign(key);
}
const bearing = (text: string) => new Request('http://edge/', { headers: { authorization: `Bearer ${text}` } });

/** One that has fetched the shop's keys: while the machine stands still an answer may come too late. */
async function authenticator() {
  const authenticate = createAuthenticate(secret, { jwksUrl, issuer, audience });
  const good = bearing(await token());
  await expect.poll(() => authenticate(good).catch(() => 'fault'), { timeout: 20_000 }).toBe('shopper-7');
  return authenticate;
}

test('a token of the shop’s own sign-in says who its bearer is; so does one signed with our secret', async () => {
  const authenticate = await authenticator();
  expect(await authenticate(bearing(await token()))).toBe('shopper-7');
  expect(await authenticate(bearing(await signSession('rehearsal-1', secret, Date.now())))).toBe('rehearsal-1');
});

test('a token of a stranger, for somebody else, expired, without a user, or made of the public key is nobody’s', async () => {
  const authenticate = await authenticator();
  const forged = await new SignJWT({ sub: 'shopper-7', iss: issuer, aud: audience })
    .setProtectedHeader({ alg: 'HS256', kid: 'one' })
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(JSON.stringify(await exportJWK(publicKey))));
  const tokens = await Promise.all([
    token({}, stranger.privateKey),
    token({ iss: 'https://elsewhere.example' }),
    token({ aud: 'newsletter' }),
    token({ exp: '-1m' }),
    token({ sub: '' }),
    token({}, privateKey, 'unknown'),
    forged,
    'no.token.at-all',
  ]);
  for (const text of tokens) expect([text, await authenticate(bearing(text))]).toEqual([text, null]);
});

test('without the shop’s keys its tokens are nobody’s', async () => {
  expect(await createAuthenticate(secret)(bearing(await token()))).toBeNull();
});

test('keys that cannot be had are a fault of ours, not a stranger at the door', async () => {
  status = 500;
  const authenticate = createAuthenticate(secret, { jwksUrl, issuer, audience });
  await expect(authenticate(bearing(await token()))).rejects.toThrow(/the shop's keys/);
  status = 200;
  await expect.poll(() => authenticate(bearing('x')).catch(() => 'fault')).toBeNull();
  const nobody = createAuthenticate(secret, { jwksUrl: 'http://127.0.0.1:1/jwks' });
  await expect(nobody(bearing(await token()))).rejects.toThrow(/the shop's keys/);
});
