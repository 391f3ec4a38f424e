import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { compactVerify, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import type { Logger } from '#runtime/logger.ts';
import { type Authenticate, createAuthenticate, shopSignInOf, signSession } from './authenticate.ts';
import { keepShopKeys } from './keep-shop-keys.ts';
import { createShopKeys, type KeySet } from './shop-keys.ts';

const secret = 'a-session-secret-of-a-test-000000';
const [issuer, audience] = ['https://shop.example', 'seckill'];
const { publicKey, privateKey } = await generateKeyPair('ES256');
const stranger = await generateKeyPair('ES256');
const goodSet = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }] };
type KeyAnswer = { status?: number; headers?: Record<string, string>; body?: string | Buffer; isEndless?: boolean };
let keyAnswer: KeyAnswer = {};
const shop = createServer((request, response) => {
  const {
    status = 200,
    headers = {},
    body = JSON.stringify(goodSet),
    isEndless,
  } = request.url === '/jwks' ? keyAnswer : {};
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  if (isEndless) response.write(body);
  else response.end(body);
});
let jwksUrl = '';

beforeAll(async () => {
  shop.listen(0, '127.0.0.1');
  await once(shop, 'listening');
  jwksUrl = `http://127.0.0.1:${(shop.address() as AddressInfo).port}/jwks`; // a TCP server's
});
afterAll(() => {
  shop.closeAllConnections();
  shop.close();
});

type Claims = { sub?: string; iss?: string; aud?: string; exp?: string };
function token(claims: Claims = {}, key = privateKey, kid = 'one'): Promise<string> {
  const { exp = '5m', ...rest } = { sub: 'shopper-7', iss: issuer, aud: audience, ...claims };
  return new SignJWT(rest).setProtectedHeader({ alg: 'ES256', kid }).setExpirationTime(exp).sign(key);
}
const bearing = (text: string) => ({ headers: { authorization: `Bearer ${text}` } });
const who = async (authenticate: Authenticate, text: string) => {
  const bearer = await authenticate(bearing(text));
  return bearer.kind === 'known' ? bearer.userId : null;
};

/** One that has fetched the shop's keys: while the machine stands still an answer may come too late. */
async function authenticator(logger?: Logger) {
  const shop = { jwksUrl, issuer, audience };
  const authenticate = createAuthenticate(secret, { shop, ...(logger && { logger }) });
  const good = await token();
  await expect.poll(() => who(authenticate, good).catch(() => 'fault'), { timeout: 20_000 }).toBe('shopper-7');
  return authenticate;
}

test('a token of the shop’s own sign-in says who its bearer is; so does one signed with our secret', async () => {
  const authenticate = await authenticator();
  expect(await who(authenticate, await token())).toBe('shopper-7');
  expect(await who(authenticate, signSession('rehearsal-1', secret, Date.now()))).toBe('rehearsal-1');
});

test('a session of the demo sign-in is the JWT that a library makes of the same claims', async () => {
  for (const userId of ['user-1', '小明 🍵', 'a"b\\']) {
    const claims = { sub: userId, iat: 1_800_000_000, exp: 1_800_000_000 + 12 * 3600 };
    const made = new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: 'JWT' });
    expect(signSession(userId, secret, 1_800_000_000_999)).toBe(await made.sign(new TextEncoder().encode(secret)));
  }
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
  for (const text of tokens) expect([text, await who(authenticate, text)]).toEqual([text, null]);
});

test('an issuer or an audience without the address of the keys is a wrong configuration, not one that is dropped', () => {
  const none = {
    SECKILL_SIGN_IN_JWKS_URL: undefined,
    SECKILL_SIGN_IN_ISSUER: undefined,
    SECKILL_SIGN_IN_AUDIENCE: undefined,
  };
  expect(shopSignInOf(none)).toBeUndefined();
  expect(() => shopSignInOf({ ...none, SECKILL_SIGN_IN_ISSUER: issuer })).toThrow('set SECKILL_SIGN_IN_JWKS_URL');
  expect(() => shopSignInOf({ ...none, SECKILL_SIGN_IN_AUDIENCE: audience })).toThrow('set SECKILL_SIGN_IN_JWKS_URL');
});

test('without the shop’s keys its tokens are nobody’s', async () => {
  expect(await who(createAuthenticate(secret), await token())).toBeNull();
});

test('a token is judged by the same rules whether a secret or a key has signed it', async () => {
  const authenticate = await authenticator();
  const second = Math.floor(Date.now() / 1000);
  const signed = (claims: object) =>
    Promise.all([
      new SignJWT({ iss: issuer, aud: audience, ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: 'one' })
        .sign(privateKey),
      new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret)),
    ]);
  const ahead = { sub: 'ada', iat: second + 3600, exp: second + 7200 };
  for (const text of await signed(ahead)) expect(await who(authenticate, text)).toBe('ada');
  for (const [claims, words] of [
    [{ sub: 'ada' }, '"exp"'],
    [{ exp: second + 60 }, '"sub" is missing'],
    [{ sub: 7, exp: second + 60 }, '"sub" is no text'],
    [{ sub: 'a\ud800', exp: second + 60 }, 'lone surrogate'],
    [{ sub: 'ada', exp: second - 60 }, 'sign in again'],
  ] as const) {
    for (const text of await signed(claims)) {
      const bearer = await authenticate(bearing(text));
      expect([claims, bearer]).toEqual([
        claims,
        { kind: 'unknown', detail: expect.stringContaining(words), isSignIn: expect.any(Boolean) },
      ]);
    }
  }
});

test('a token that comes again costs no signature, and the clock judges it all the same', async () => {
  let nowMs = 1_800_000_000_000;
  const authenticate = createAuthenticate(secret, { now: () => nowMs });
  const verify = vi.spyOn(crypto.subtle, 'verify');
  onTestFinished(() => verify.mockRestore());
  const claims = { sub: 'ada', nbf: nowMs / 1000, exp: nowMs / 1000 + 60 };
  const text = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret));
  const said = async () => {
    const bearer = await authenticate(bearing(text));
    return bearer.kind === 'known' ? bearer.userId : bearer.detail;
  };
  expect([await said(), await said(), await said()]).toEqual(['ada', 'ada', 'ada']);
  nowMs += 65_000;
  expect(await said()).toContain('has expired');
  nowMs -= 71_000;
  expect(await said()).toContain('not valid yet');
  expect(verify).toHaveBeenCalledTimes(1);
  expect(await who(authenticate, `${text.slice(0, -2)}AA`)).toBeNull();
  expect(await who(createAuthenticate(`${secret}0`, { now: () => nowMs }), text)).toBeNull();
});

test('a mistake of the sign-in has one line in the log, without the token; strangers have none', async () => {
  const lines: unknown[] = [];
  const logger = { warn: (_: unknown, message: string) => lines.push(message) } as unknown as Logger; // all that is called
  const authenticate = await authenticator(logger);
  const numeric = await new SignJWT({ sub: 7 as unknown as string, iss: issuer, aud: audience })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setExpirationTime('5m')
    .sign(privateKey);
  for (let n = 0; n < 20; n += 1) await authenticate(bearing(numeric));
  for (const text of [await token({}, stranger.privateKey), await token({ exp: '-1m' }), 'x'])
    await authenticate(bearing(text));
  expect(lines).toEqual([expect.stringContaining('"sub" is no text')]);
});

test('keys that cannot be had are a fault of ours, not a stranger at the door', async () => {
  const keys = createShopKeys(jwksUrl, { withinMs: 60_000 });
  const good = await token();
  const padding = ' '.repeat(65 * 1024);
  for (const [answer, words] of [
    [{ status: 500 }, 'answered 500'],
    [{ status: 302, headers: { location: `${jwksUrl}-elsewhere` } }, 'answered 302'],
    [{ body: 'nonsense' }, 'no JWK set'],
    [{ body: '{"keys":{}}' }, 'no JWK set'],
    [{ body: JSON.stringify({ keys: Array.from({ length: 65 }, () => goodSet.keys[0]) }) }, 'at most 64 keys'],
    [{ body: JSON.stringify(goodSet) + padding }, 'exceeded'],
    [{ headers: { 'content-encoding': 'gzip' }, body: gzipSync(JSON.stringify(goodSet) + padding) }, 'no JWK set'],
  ] as const) {
    keyAnswer = answer;
    await expect(compactVerify(good, keys.find)).rejects.toThrow(new RegExp(`the shop's keys: .*${words}`));
  }
  keyAnswer = {};
  expect((await compactVerify(good, keys.find)).protectedHeader.kid).toBe('one');
  const unreachable = createAuthenticate(secret, { shop: { jwksUrl: 'http://127.0.0.1:1/jwks' } });
  await expect(unreachable(bearing(good))).rejects.toThrow(/the shop's keys/);
});

test('a key set that never ends is not waited for', async () => {
  keyAnswer = { body: '{"keys":[', isEndless: true };
  const keys = createShopKeys(jwksUrl, { withinMs: 50 });
  await expect(compactVerify(await token(), keys.find)).rejects.toThrow(/the shop's keys: .*timeout/);
  keyAnswer = {};
});

const ownKey = { ...(await exportJWK(publicKey)), alg: 'ES256', use: 'sig' };
const forget = () => {
  keyAnswer = {};
};
const fresh = (...set: object[]) => {
  keyAnswer = { body: JSON.stringify({ keys: set }) };
  onTestFinished(forget);
  return createAuthenticate(secret, { shop: { jwksUrl, issuer, audience } });
};

test('a key that is broken is a fault of the set, which names it; a stranger beside it stays one', async () => {
  const weak = JSON.parse(
    JSON.stringify(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })),
  );
  const broken = { ...ownKey, x: 'AAAA', kid: 'one' };
  const sound = { ...(await exportJWK(stranger.publicKey)), kid: 'two' };
  const authenticate = fresh(broken, sound, { ...weak, kid: 'weak' });
  await expect(who(authenticate, await token())).rejects.toThrow(/the shop's keys: the key "one": /);
  const header = Buffer.from(JSON.stringify({ alg: 'RS256', kid: 'weak' })).toString('base64url');
  await expect(who(authenticate, `${header}.e30.AAAA`)).rejects.toThrow(/the key "weak": an RSA key of 1024 bits/);
  expect(await who(authenticate, await token({}, privateKey, 'two'))).toBeNull();
  expect(await who(authenticate, await token({}, privateKey, 'unknown'))).toBeNull();
  expect(await who(authenticate, await token({}, stranger.privateKey, 'two'))).toBe('shopper-7');
});

test('of two keys of one name each is tried; the set is at fault when none of them can be used', async () => {
  const other = { ...(await exportJWK(stranger.publicKey)), kid: 'one' };
  const twice = fresh(other, { ...ownKey, kid: 'one' });
  expect(await who(twice, await token())).toBe('shopper-7');
  const third = await generateKeyPair('ES256');
  expect(await who(twice, await token({}, third.privateKey))).toBeNull();
  const broken = { ...ownKey, x: 'AAAA', kid: 'one' };
  await expect(who(fresh(broken, broken), await token())).rejects.toThrow(/several match a token, and none/);
});

test('keys that were had once are used for a day while the key server is down, and no new name is refused then', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  onTestFinished(forget);
  const lines: unknown[] = [];
  const keys = createShopKeys(jwksUrl, { withinMs: 60_000, warn: (error) => lines.push(String(error)) });
  const [good, unknown] = [await token(), await token({}, privateKey, 'unknown')];
  const kidOf = async (text: string) => (await compactVerify(text, keys.find)).protectedHeader.kid;
  const hour = 3_600_000;
  expect(await kidOf(good)).toBe('one');
  keyAnswer = { status: 500 };
  vi.setSystemTime(Date.now() + 23 * hour);
  expect(await kidOf(good)).toBe('one');
  expect(lines).toEqual([expect.stringContaining('answered 500')]);
  await expect(kidOf(unknown)).rejects.toThrow(/the shop's keys: .*answered 500/);
  vi.setSystemTime(Date.now() + 2 * hour);
  await expect(kidOf(good)).rejects.toThrow(/the shop's keys: .*answered 500/);
  keyAnswer = {};
  expect(await kidOf(good)).toBe('one');
  await expect(kidOf(unknown)).rejects.toThrow(/no applicable key/);
});

test('who follows the keys has them without a token: at once, after a change, and no longer than they may be used', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  onTestFinished(forget);
  const kidsOf = (keySet: KeySet | null) => keySet?.keys.map(({ kid }) => kid) ?? null;
  const changes: unknown[] = [];
  const lines: string[] = [];
  const warn = (error: unknown) => void lines.push(String(error));
  keyAnswer = { status: 500 };
  const keys = createShopKeys(jwksUrl, { withinMs: 60_000, warn });
  keys.onChange((keySet) => changes.push(kidsOf(keySet)));
  const kept = keepShopKeys(keys, { everyMs: 5, withoutKeysMs: 5, warn });
  onTestFinished(kept.close);
  await expect.poll(() => lines.length).toBeGreaterThan(1);
  expect(keys.get()).toBeNull();

  keyAnswer = {};
  await expect.poll(() => kidsOf(keys.get())).toEqual(['one']);
  keyAnswer = { body: JSON.stringify({ keys: [ownKey, { ...ownKey, kid: 'two' }] }) };
  await expect.poll(() => kidsOf(keys.get())).toEqual([undefined, 'two']);
  keyAnswer = { status: 500 };
  const before = lines.length;
  await expect.poll(() => lines.length).toBeGreaterThan(before + 2);
  expect(kidsOf(keys.get())).toEqual([undefined, 'two']);
  vi.setSystemTime(Date.now() + 25 * 3_600_000);
  await expect.poll(() => keys.get()).toBeNull();
  keyAnswer = {};
  await expect.poll(() => kidsOf(keys.get())).toEqual(['one']);
  expect(changes).toEqual([['one'], [undefined, 'two'], null, ['one']]);
});

test('a key of a new name that a token brings is told to who follows the keys', async () => {
  onTestFinished(forget);
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const keys = createShopKeys(jwksUrl, { withinMs: 60_000 });
  const changes: number[] = [];
  keys.onChange((keySet) => changes.push(keySet?.keys.length ?? 0));
  await keys.fetch();
  keyAnswer = { body: JSON.stringify({ keys: [...goodSet.keys, { ...ownKey, kid: 'two' }] }) };
  const ofTwo = await token({}, privateKey, 'two');
  await expect(compactVerify(ofTwo, keys.find)).rejects.toThrow(/no applicable key/);
  vi.setSystemTime(Date.now() + 31_000);
  expect((await compactVerify(ofTwo, keys.find)).protectedHeader.kid).toBe('two');
  expect(changes).toEqual([1, 2]);
});
