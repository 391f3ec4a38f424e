import { generateKeyPairSync, type JsonWebKey, type KeyObject, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ShopAlgorithm, SignInKey } from './jwt.ts';

export const issuer = 'https://shop.example';
export const audience = 'seckill';

/**
 * A JWK set of the shop, and keys by which tokens are signed that name a key of it. `isSound`: each of these tokens is good,
 * and so plainly that an edge must see it by itself.
 */
export type KeySet = { name: string; isSound: boolean; keys: JsonWebKey[]; signing: SignInKey[] };

const pair = (algorithm: ShopAlgorithm) => {
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519');
  if (algorithm === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return generateKeyPairSync('rsa', { modulusLength: 2048 });
};
const algorithms: ShopAlgorithm[] = ['RS256', 'PS256', 'ES256', 'EdDSA'];

type Made = { publicKey: KeyObject; privateKey: KeyObject; algorithm: ShopAlgorithm };
const jwk = ({ publicKey }: Pick<Made, 'publicKey'>, more: Record<string, unknown> = {}): JsonWebKey => ({
  ...publicKey.export({ format: 'jwk' }),
  ...more,
});
const bits = (many: number) => {
  const n = randomBytes(many / 8);
  n[0] = 0xc1;
  n[n.length - 1] = 0x0b;
  return n.toString('base64url');
};

/**
 * Key sets as shops have them, and as none should: each is given to the gateway and to the edge for a while. Keys that no
 * token of ours is signed by are of random numbers.
 */
export function makeKeySets(): KeySet[] {
  const fresh = (algorithm: ShopAlgorithm): Made => ({ ...pair(algorithm), algorithm });
  const keyOf = ({ algorithm, privateKey }: Made, kid?: string): SignInKey => ({ kid, algorithm, privateKey });
  const first = algorithms.map(fresh);
  const second = algorithms.map(fresh);
  const named = (all: Made[], prefix: string) => all.map((made) => jwk(made, { kid: `${prefix}${made.algorithm}` }));
  const signing = (all: Made[], prefix: string) => all.map((made) => keyOf(made, `${prefix}${made.algorithm}`));
  const [rsa, , curve, edwards] = first;
  if (rsa === undefined || curve === undefined || edwards === undefined) throw new Error('no keys');
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const many = (count: number) =>
    Array.from({ length: count }, (_, nth) => ({
      ...jwk(generateKeyPairSync('ed25519')),
      kid: `other-${nth}`,
    }));
  return [
    { name: 'a key of each kind', isSound: true, keys: named(first, 'a-'), signing: signing(first, 'a-') },
    {
      name: 'old and new keys',
      isSound: true,
      keys: [...named(second, 'b-').map((key) => ({ ...key, use: 'sig' })), ...named(first, 'a-')],
      signing: [...signing(second, 'b-'), ...signing(first, 'a-')],
    },
    {
      name: 'keys that say what they are for',
      isSound: true,
      keys: second.map((made) =>
        jwk(made, { kid: `c-${made.algorithm}`, alg: made.algorithm, use: 'sig', key_ops: ['verify'] }),
      ),
      signing: signing(second, 'c-'),
    },
    {
      name: 'keys without a name',
      isSound: false,
      keys: [rsa, curve, edwards].map((made) => jwk(made)),
      signing: [rsa, curve, edwards].map((made) => keyOf(made)),
    },
    {
      name: 'keys of one name, and keys that are not for signing',
      isSound: false,
      keys: [
        ...second.map((made) => jwk(made, { kid: 'twin' })),
        ...first.map((made) => jwk(made, { kid: 'twin' })),
        jwk(curve, { kid: 'enc', use: 'enc' }),
        jwk(curve, { kid: 'wrap', key_ops: ['wrapKey'] }),
        jwk(curve, { kid: 'other-alg', alg: 'ES384' }),
      ],
      signing: [
        ...second.map((made) => keyOf(made, 'twin')),
        ...first.map((made) => keyOf(made, 'twin')),
        keyOf(curve, 'enc'),
        keyOf(curve, 'wrap'),
        keyOf(curve, 'other-alg'),
      ],
    },
    {
      name: 'weak, large, broken and unknown keys beside a good one',
      isSound: false,
      keys: [
        jwk(curve, { kid: 'good' }),
        jwk(weak, { kid: 'weak' }),
        jwk(p384, { kid: 'p384' }),
        { kty: 'RSA', kid: 'rsa-512', n: bits(512), e: 'AQAB' },
        { kty: 'RSA', kid: 'rsa-16384', n: bits(16_384), e: 'AQAB' },
        { kty: 'RSA', kid: 'even', n: bits(2048), e: 'AA' },
        { kty: 'EC', kid: 'off-the-curve', crv: 'P-256', x: bits(256), y: bits(256) },
        { kty: 'EC', kid: 'half', crv: 'P-256', x: bits(256) },
        { kty: 'OKP', kid: 'short', crv: 'Ed25519', x: 'AAAA' },
        { kty: 'OKP', kid: 'x25519', crv: 'X25519', x: bits(256) },
        { kty: 'oct', kid: 'shared', k: bits(256) },
        { kty: 'new', kid: 'unknown-kind' },
      ],
      signing: [
        keyOf(curve, 'good'),
        { kid: 'weak', algorithm: 'RS256', privateKey: weak.privateKey },
        ...['rsa-512', 'rsa-16384', 'even'].map((kid) => keyOf(rsa, kid)),
        ...['off-the-curve', 'half', 'p384'].map((kid) => keyOf(curve, kid)),
        ...['short', 'x25519'].map((kid) => keyOf(edwards, kid)),
      ],
    },
    {
      name: '64 keys',
      isSound: true,
      keys: [...many(62), ...named([curve, edwards], 'd-')],
      signing: signing([curve, edwards], 'd-'),
    },
    {
      name: '1,000 keys',
      isSound: false,
      keys: [...many(998), ...named([curve, edwards], 'e-')],
      signing: signing([curve, edwards], 'e-'),
    },
    { name: 'an empty set', isSound: false, keys: [], signing: signing(first, 'a-') },
  ];
}

/** The shop's key server; `keys` is what it answers from now on. */
export async function startKeyServer(): Promise<{ url: string; keys: JsonWebKey[]; stop(): void }> {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: shop.keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const shop = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`, // a TCP server's
    keys: [] as JsonWebKey[],
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
  return shop;
}
