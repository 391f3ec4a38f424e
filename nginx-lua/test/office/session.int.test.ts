import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EdgeSignInKey } from '#contract/edge-office.ts';
import { edgeSignInKeysOf } from '#gateway/agent/edge-sign-in-keys.ts';
import { createAuthenticate } from '#http/authenticate.ts';
import { ShopKeysFault } from '#http/shop-keys.ts';
import { createRandom, type Random } from '#lab/random.ts';
import { ask, edgeOffice, saleOf, startEdge, type TestEdge } from '#lab/servers/edge.ts';
import { edgeLua, openToLua } from '#lab/servers/edge-lua.ts';

const [issuer, audience] = ['https://shop.example', 'seckill'];
const secret = edgeOffice.sessionSecret;
const invalid = 'The token is not valid here: sign in again.';
const expired = 'The token has expired: sign in again.';
const missing = 'Send the token of your sign-in: "Authorization: Bearer <token>".';

type Pair = { publicKey: KeyObject; privateKey: KeyObject };
const rsa = (modulusLength: number): Pair => generateKeyPairSync('rsa', { modulusLength });
const ec = (namedCurve: string): Pair => generateKeyPairSync('ec', { namedCurve });
const jwkOf = ({ publicKey }: Pair, more: object): Record<string, unknown> => ({
  ...publicKey.export({ format: 'jwk' }),
  ...more,
});

const own = { RSA: rsa(2048), EC: ec('P-256'), Ed: generateKeyPairSync('ed25519') };
const stranger = { RSA: rsa(2048), EC: ec('P-256'), Ed: generateKeyPairSync('ed25519') };
const weak = rsa(1024);
const wrongCurve = ec('P-384');
const twins = [ec('P-256'), ec('P-256')] as const;
const jwks = [
  jwkOf(own.RSA, { kid: 'rsa', use: 'sig' }),
  jwkOf(own.EC, { kid: 'ec', alg: 'ES256', key_ops: ['verify'] }),
  jwkOf(own.Ed, { kid: 'ed' }),
  jwkOf(weak, { kid: 'weak' }),
  jwkOf(wrongCurve, { kid: 'wrong-curve' }),
  jwkOf(own.EC, { kid: 'enc', use: 'enc' }),
  ...twins.map((pair) => jwkOf(pair, { kid: 'twin' })),
  { ...jwkOf(own.EC, { kid: 'broken' }), x: 'AAAA' },
];

type Algorithm = 'HS256' | 'RS256' | 'PS256' | 'ES256' | 'EdDSA';
/** Signs by node:crypto, so that a header may say anything. */
function signature(alg: Algorithm, text: string, key: KeyObject | string): Buffer {
  const bytes = Buffer.from(text);
  if (typeof key === 'string') return createHmac('sha256', key).update(bytes).digest();
  if (alg === 'RS256') return sign('sha256', bytes, key);
  if (alg === 'PS256') return sign('sha256', bytes, { key, padding: 6, saltLength: 32 });
  return alg === 'ES256' ? sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }) : sign(null, bytes, key);
}
const base64url = (text: string | Uint8Array) => Buffer.from(text).toString('base64url');
function tokenOf(alg: Algorithm, key: KeyObject | string, header: object | string, payload: object | string | Buffer) {
  const [head, body] = [header, payload].map((part) =>
    base64url(typeof part === 'string' || part instanceof Uint8Array ? part : JSON.stringify(part)),
  );
  return `${head}.${body}.${base64url(signature(alg, `${head}.${body}`, key))}`;
}

const nowMs = 1_800_000_000_123;
const seconds = Math.floor(nowMs / 1000);
const claims = (changes: object = {}) => ({ sub: 'ada', exp: seconds + 60, iss: issuer, aud: audience, ...changes });
const bearer = (token: string) => `Bearer ${token}`;
const good: Record<Algorithm, (payload?: object, pairs?: typeof own, atKey?: string) => string> = {
  HS256: (payload = claims(), pairs) =>
    tokenOf('HS256', pairs === stranger ? `${secret}!` : secret, { alg: 'HS256', typ: 'JWT' }, payload),
  RS256: (payload = claims(), { RSA } = own) => tokenOf('RS256', RSA.privateKey, { alg: 'RS256', kid: 'rsa' }, payload),
  PS256: (payload = claims(), { RSA } = own) => tokenOf('PS256', RSA.privateKey, { alg: 'PS256', kid: 'rsa' }, payload),
  ES256: (payload = claims(), { EC } = own) => tokenOf('ES256', EC.privateKey, { alg: 'ES256', kid: 'ec' }, payload),
  EdDSA: (payload = claims(), { Ed } = own) => tokenOf('EdDSA', Ed.privateKey, { alg: 'EdDSA', kid: 'ed' }, payload),
};
const algorithms = Object.keys(good) as Algorithm[]; // of the record above
const hs256 = (payload: object | string | Buffer, header: object | string = { alg: 'HS256' }) =>
  bearer(tokenOf('HS256', secret, header, payload));

let edge: TestEdge;
const shop = createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: jwks }));
});
let jwksUrl = '';

beforeAll(async () => {
  shop.listen(0, '127.0.0.1');
  await once(shop, 'listening');
  jwksUrl = `http://127.0.0.1:${(shop.address() as AddressInfo).port}/`; // a TCP server's
  edge = await startEdge({}, [], { beforeStart: openToLua, values: { workers: 1 } });
  await tell(await edgeSignInKeysOf({ keys: jwks }));
});
afterAll(async () => {
  shop.closeAllConnections();
  shop.close();
  await edge.stop();
});

async function tell(keys: EdgeSignInKey[], changes: object = {}) {
  const office = { ...edgeOffice, signIn: { issuer, audience, keys }, ...changes };
  await edge.agent.send({ type: 'snapshot', sales: [], office });
}

/** Known, refused in these words, or null: passed on. */
type Verdict = { user: string } | { detail: string } | null;

/** What the edge says of each header at its time; judged one after the other by one worker. */
async function atEdge(headers: readonly string[], times: readonly number[] = []): Promise<Verdict[]> {
  const asked = headers.map((header, index) => ({ header, nowMs: times[index] ?? nowMs }));
  const said = await edgeLua(
    edge,
    `local user_of, said = require('seckill.office.session').user, {}
     for i, asked in ipairs(...) do
       local user, detail = user_of(asked.header, asked.nowMs)
       said[i] = { user = user, detail = detail, isNone = not user and not detail }
     end
     return said`,
    asked,
  );
  return (said as { user?: string; detail?: string; isNone: boolean }[]).map(({ user, detail, isNone }) => {
    if (isNone) return null;
    return user === undefined ? { detail: detail ?? '' } : { user };
  });
}

/** What the gateway says; null: it cannot know, because of the keys. */
async function atGateway(header: string, atMs = nowMs): Promise<Verdict> {
  reference.nowMs = atMs;
  try {
    const headers = /^[ -~]{1,7000}$/.test(header) ? { authorization: header } : {};
    const who = await reference.authenticate(new Request('http://edge/', { headers }));
    return who.kind === 'known' ? { user: who.userId } : { detail: who.detail };
  } catch (error) {
    if (error instanceof ShopKeysFault) return null;
    throw error;
  }
}
const reference = {
  nowMs,
  get authenticate() {
    const made = createAuthenticate(secret, { shop: { jwksUrl, issuer, audience }, now: () => reference.nowMs });
    Object.defineProperty(reference, 'authenticate', { value: made });
    return made;
  },
};

/** The edge says what is expected, and nothing that the gateway would not say. */
async function compare(cases: readonly (readonly [header: string, expected: Verdict, atMs?: number])[]) {
  const said = await atEdge(
    cases.map(([header]) => header),
    cases.map(([, , atMs]) => atMs ?? nowMs),
  );
  expect(said.map((verdict, index) => [cases[index]?.[0], verdict])).toEqual(
    cases.map(([header, expected]) => [header, expected]),
  );
  for (const [header, expected, atMs] of cases) {
    if (expected !== null) expect([header, await atGateway(header, atMs)]).toEqual([header, expected]);
  }
}

test.each(algorithms)('%s: a right token says its user, a wrong or expired one is refused as by the gateway', (alg) =>
  compare([
    [bearer(good[alg]()), { user: 'ada' }],
    [bearer(good[alg]()), { user: 'ada' }],
    [`bEARER   ${good[alg](claims({ sub: '手机 7' }))}  `, { user: '手机 7' }],
    [bearer(good[alg](claims(), stranger)), { detail: invalid }],
    [bearer(good[alg]().replace('.ey', '.ez')), { detail: invalid }],
    [bearer(good[alg](claims({ exp: seconds - 5 }))), { detail: expired }],
    [bearer(good[alg](claims({ exp: seconds - 4 }))), { user: 'ada' }],
    [bearer(good[alg](claims({ exp: undefined }))), null],
    [bearer(good[alg](claims({ sub: 'Zoë' }))), null],
  ]),
);

test('issuer and audience count for tokens of the shop, and not for our own', () =>
  compare([
    [bearer(good.ES256(claims({ iss: 'https://elsewhere.example' }))), null],
    [bearer(good.ES256(claims({ aud: 'newsletter' }))), null],
    [bearer(good.ES256(claims({ aud: { 1: audience } }))), null],
    [bearer(good.ES256(claims({ aud: ['newsletter', audience] }))), { user: 'ada' }],
    [bearer(good.HS256(claims({ iss: 7, aud: null }))), { user: 'ada' }],
  ]));

test('a header without a token is told to send one', () =>
  compare(
    [
      '',
      'Bearer',
      'Bearer ',
      'Basic YTpi',
      'Bearera',
      'Bearer a b',
      'Bearer\ta',
      'Bearer é',
      bearer('a'.repeat(7000)),
    ].map((header) => [header, { detail: missing }] as const),
  ));

test('what is not certain goes to the gateway: the algorithm, the key, the spelling', async () => {
  const text = JSON.stringify(claims());
  const spki = own.EC.publicKey.export({ format: 'pem', type: 'spki' }).toString();
  const forged = (alg: string, header: object = {}) =>
    `${base64url(JSON.stringify({ alg, ...header }))}.${base64url(text)}`;
  const es = (header: object, pair: Pair = own.EC) => bearer(tokenOf('ES256', pair.privateKey, header, text));
  await compare([
    // A public key is no secret, and a token that names another algorithm than its key's has none.
    [bearer(tokenOf('HS256', spki, { alg: 'HS256', kid: 'ec' }, text)), { detail: invalid }],
    [bearer(`${forged('none')}.`), null],
    [bearer(`${forged('HS512')}.AAAA`), null],
    [es({ alg: 'RS256', kid: 'ec' }), null],
    [es({ alg: 'ES256', kid: 'rsa' }), null],
    [es({ alg: 'EdDSA', kid: 'ec' }), null],
    [bearer(tokenOf('RS256', own.RSA.privateKey, { alg: 'PS256', kid: 'rsa' }, text)), { detail: invalid }],
    [bearer(tokenOf('PS256', own.RSA.privateKey, { alg: 'RS256', kid: 'rsa' }, text)), { detail: invalid }],
    // Of these keys none is known for certain.
    [es({ alg: 'ES256', kid: 'unknown' }), null],
    [es({ alg: 'ES256' }), null],
    [es({ alg: 'ES256', kid: 7 }), null],
    [es({ alg: 'ES256', kid: 'twin' }, twins[0]), null],
    [es({ alg: 'ES256', kid: 'twin' }, twins[1]), null],
    [es({ alg: 'ES256', kid: 'enc' }), null],
    [es({ alg: 'ES256', kid: 'broken' }), null],
    [es({ alg: 'ES256', kid: 'wrong-curve' }, wrongCurve), null],
    [bearer(tokenOf('RS256', weak.privateKey, { alg: 'RS256', kid: 'weak' }, text)), null],
    // Only one is of this kind: the name may be left out.
    [bearer(tokenOf('EdDSA', own.Ed.privateKey, { alg: 'EdDSA' }, text)), { user: 'ada' }],
    // Odd, and maybe right.
    [es({ alg: 'ES256', kid: 'ec', crit: ['exp'], exp: 1 }), null],
    [es({ alg: 'ES256', kid: 'ec', crit: null }), null],
    [es({ alg: 'ES256', kid: 'ec', b64: false }), null],
    [hs256(text, '\ufeff{"alg":"HS256"}'), null],
    [hs256(text, '{"alg":"none","alg":"HS256"}'), { user: 'ada' }],
    [hs256(text, '["HS256"]'), null],
    [`${hs256(text)}=`, null],
    [hs256(text).replace('eyJ', 'eyJ+'), null],
    [`${hs256(text)}.x`, null],
    [bearer(good.ES256().replace(/\.[^.]*$/, '.AAAA')), null],
    [bearer('no.token.at-all'), null],
    [bearer('no token'), { detail: missing }],
  ]);
});

test('a token that is good until later is judged by the clock each time, also by one that steps back', () => {
  const token = bearer(good.ES256(claims({ exp: seconds + 60, nbf: seconds })));
  return compare([
    [token, { user: 'ada' }],
    [token, { user: 'ada' }, (seconds + 64.999) * 1000],
    [token, { detail: expired }, (seconds + 65) * 1000],
    [token, { user: 'ada' }, nowMs],
    [token, { user: 'ada' }, (seconds - 5) * 1000],
    [token, null, (seconds - 6) * 1000],
    [token, { detail: expired }, (seconds + 6500) * 1000],
  ]);
});

test('what was remembered is forgotten with the keys: a key that is gone names no user', async () => {
  const all = await edgeSignInKeysOf({ keys: jwks });
  const tokens = ['RS256', 'HS256'].map((alg) => bearer(good[alg as Algorithm]()));
  expect(await atEdge(tokens)).toEqual([{ user: 'ada' }, { user: 'ada' }]);
  expect(await edge.metrics()).toContain('\nseckill_edge_sign_in_keys 5\n'); // of 8, weak and broken ones among them
  await tell(all.filter(({ kid }) => kid !== 'rsa'));
  expect(await atEdge(tokens)).toEqual([null, { user: 'ada' }]);
  await tell(all, { sessionSecret: `${secret}!` });
  expect(await atEdge(tokens)).toEqual([{ user: 'ada' }, { detail: invalid }]);
  await tell([]);
  expect(await atEdge(tokens)).toEqual([null, { user: 'ada' }]);
  await tell([], { signIn: null });
  expect(await atEdge(tokens)).toEqual([null, { user: 'ada' }]);
  await tell(all);
  expect(await atEdge(tokens)).toEqual([{ user: 'ada' }, { user: 'ada' }]);
});

test('keys of no use, or very many, do no harm', async () => {
  const [ofEc] = (await edgeSignInKeysOf({ keys: jwks })).filter(({ kid }) => kid === 'ec');
  if (ofEc === undefined) throw new Error('the set has no such key');
  const junk = ['', 'AAAA', '????', rsa(2048).publicKey.export({ format: 'der', type: 'spki' }).toString('base64')];
  const many = Array.from({ length: 996 }, (_, n) => ({ ...ofEc, kid: `k${n}`, spki: junk[n % 4] ?? '' }));
  await tell([...many, ofEc]);
  const ofKid = (kid: string) => bearer(tokenOf('ES256', own.EC.privateKey, { alg: 'ES256', kid }, claims()));
  const headers = ['k0', 'k1', 'k2', 'k3', 'k995', 'ec'].map(ofKid);
  expect(await atEdge(headers)).toEqual([null, null, null, null, null, { user: 'ada' }]);
  await tell(await edgeSignInKeysOf({ keys: jwks }));
});

test('a token of 16 KB is refused before it is looked at, and one of 6.9 KB is verified', async () => {
  await edge.agent.send({ type: 'sale', sale: saleOf('large') });
  const padded = (bytes: number) => bearer(good.ES256(claims({ padding: 'x'.repeat(bytes) })));
  const { status } = await ask(edge, '/api/sales/large/challenge', { headers: { authorization: padded(12_000) } });
  expect(status).toBe(400);
  await compare([
    [padded(5000), { user: 'ada' }],
    [padded(5000).replace(/....$/, 'AAAA'), { detail: invalid }],
  ]);
});

test('where libcrypto lacks a function, tokens of public keys go to the gateway, and nginx starts all the same', async () => {
  const said = await edgeLua(
    edge,
    `local spki = ...
     local platform, loaded, ffi = require('seckill.platform'), package.loaded, require('ffi')
     local libcrypto, signature = platform.libcrypto, loaded['seckill.office.signature']
     local function without(missing)
       local function check(_, name) return name == missing and error('undefined symbol: ' .. name) or ffi.C[name] end
       platform.libcrypto = function(name) check(nil, name) return setmetatable({}, { __index = check }) end
       loaded['seckill.office.signature'] = nil
       local old = require('seckill.office.signature')
       return { possible = old.is_possible(), verifies = old.verifier('ES256', spki) ~= nil }
     end
     local said = { without('EVP_PKEY_CTX_set_rsa_padding'), without('d2i_PUBKEY'), without('nothing') }
     platform.libcrypto, loaded['seckill.office.signature'] = libcrypto, signature
     return said`,
    own.EC.publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
  );
  const none = { possible: false, verifies: false };
  expect(said).toEqual([none, none, { possible: true, verifies: true }]);
});

test('of any payload the edge says what the gateway says, or nothing', async () => {
  const random = createRandom(1);
  const payloads = Array.from({ length: 3000 }, () => oddPayload(random));
  const headers = payloads.map((payload, n) =>
    n % 4 === 0 ? bearer(tokenOf('EdDSA', own.Ed.privateKey, { alg: 'EdDSA', kid: 'ed' }, payload)) : hs256(payload),
  );
  const said = await atEdge(headers);
  const kinds = { known: 0, refused: 0, passedOn: 0 };
  for (const [index, verdict] of said.entries()) {
    if (verdict === null) kinds.passedOn += 1;
    else {
      kinds['user' in verdict ? 'known' : 'refused'] += 1;
      const expected = await atGateway(headers[index] ?? '');
      expect({ payload: payloads[index]?.toString('latin1'), verdict }).toEqual({
        payload: payloads[index]?.toString('latin1'),
        verdict: expected,
      });
    }
  }
  for (const count of Object.values(kinds)) expect(count).toBeGreaterThan(100);
});

test('100,000 tokens of 100,000 users leave a worker’s memory as it is after 20,000', async () => {
  const kilobytes = await edgeLua(
    edge,
    `local now_ms = ...
     local sign, encode = require('seckill.hmac').sign, require('ngx.base64').encode_base64url
     local user_of, key = require('seckill.office.session').user, require('seckill.office.secrets').get().session_key
     local head, kilobytes = encode('{"alg":"HS256"}') .. '.', {}
     for n = 1, 100000 do
       local text = head .. encode('{"sub":"user-' .. n .. '","exp":1900000000,"jti":"' .. ngx.md5(n):rep(6) .. '"}')
       assert(user_of('Bearer ' .. text .. '.' .. sign(key, text), now_ms) == 'user-' .. n)
       if n % 20000 == 0 then
         collectgarbage()
         kilobytes[#kilobytes + 1] = collectgarbage('count')
       end
     end
     return kilobytes`,
    nowMs,
  );
  const [first = 0, ...later] = kilobytes as number[];
  expect(first).toBeLessThan(14 * 1024);
  for (const each of later) expect(Math.abs(each - first)).toBeLessThan(4 * 1024 + 512);
});

/** A payload near to one that is right: its members in any order and spelling, some of them twice, some bytes odd. */
function oddPayload({ chance, int, pick, shuffle }: Random): Buffer {
  const ahead = [
    String(seconds - 5),
    String(seconds + 60),
    String(seconds - 4),
    `${seconds + 9}.5`,
    `${seconds}e0`,
    '2.1e9',
    '1E+10',
    '1e309',
  ];
  const dates = [
    ...ahead,
    String(seconds - 5),
    '0',
    '-0',
    '-1',
    '1.',
    '.5',
    '-.5',
    '01',
    '1.e9',
    '1e9.5',
    '0x7fffffff',
    '-',
  ];
  const others = ['null', '"x"', 'true', '{}', '[]', 'NaN', 'Infinity', 'nan', '1'];
  const plain = ['"ada"', '"Bob 7"', '"手机"', '"a\\u0062c"', '"\\u624b"', '"a/b\\/c"', `"${'x'.repeat(128)}"`];
  const oddText = [
    '""',
    '" "',
    '"é"',
    '"a\\u0000"',
    '"\\ud83d\\ude00"',
    '"😀"',
    '"\\ud800"',
    '"\\udc00x"',
    '"a\\n"',
    '"\\x"',
  ];
  const more = [
    '"龿"',
    '"ꀀ"',
    '"㐀"',
    '"\\u3000"',
    `"${'手'.repeat(43)}"`,
    '"a\u007f"',
    '"a\u00ad"',
    '"a\ufffd"',
    '"<1.x"',
  ];
  const [iss, aud] = [JSON.stringify(issuer), JSON.stringify(audience)];
  const either = (usual: readonly string[], odd: readonly string[]) => pick(chance(0.85) ? usual : odd);
  const members: [string, string][] = [
    ['sub', either(plain, [...oddText, ...more, ...others])],
    ['exp', either(ahead, [...dates, ...others])],
    ['iss', either([iss], [...others, '"https://shop.example/"'])],
    ['aud', either([aud, `[${aud}]`, `["x",${aud}]`], [...others, `{"1":${aud}}`, `[[${aud}]]`, '"seckil"'])],
  ];
  if (chance(0.3)) members.push(['nbf', either([String(seconds), '0'], [String(seconds + 6), ...dates, ...others])]);
  if (chance(0.3))
    members.push([pick(['iat', 'x', '__proto__', '1', 'su\\u0062']), either(plain, [...dates, ...others])]);
  if (chance(0.2)) members.push(pick(members));
  if (chance(0.1)) members.pop();
  if (chance(0.05)) members.push(['deep', '['.repeat(int(1, 20)) + ']'.repeat(int(1, 20))]);
  const space = () => (chance(0.1) ? pick([' ', '\n', '\t', '\r', '\u00a0', '\u0000']) : '');
  const text = shuffle(members).map(([name, value]) => `${space()}"${name}"${space()}:${space()}${value}${space()}`);
  const bytes = Buffer.from(
    `${space()}{${text.join(',')}}${chance(0.05) ? pick(['}', ',', '\u0000x', ' x', '//']) : ''}`,
  );
  if (!chance(0.2)) return bytes;
  const at = int(0, bytes.length);
  const oddBytes = pick(['ff', 'c0af', 'eda080', 'e4b8', 'f4908080', 'efbbbf', '00', '0a', '5c', '22', '2e', '7f', '']);
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(oddBytes, 'hex'), bytes.subarray(at + int(0, 1))]);
}
