import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { EdgeOffice } from '#contract/edge-office.ts';
import type { KeySet } from '#http/shop-keys.ts';
import { followEdgeOffice } from './edge-office.ts';
import { edgeSignInKeysOf } from './edge-sign-in-keys.ts';

const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength }).publicKey;
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).publicKey;
const ed = generateKeyPairSync('ed25519').publicKey;
const p256 = ec('P-256');
const jwkOf = (key: typeof ed, more: object = {}) => ({ ...key.export({ format: 'jwk' }), ...more });
const spkiOf = (key: typeof ed) => key.export({ format: 'der', type: 'spki' }).toString('base64');
/** Of no key pair: whose bits are all that matters. */
const modulus = (bits: number) => Buffer.from(randomBytes(bits / 8).map((byte) => byte | 0x81)).toString('base64url');

test('each key that may verify goes to the edge, also one of no use; one that never may does not', async () => {
  const good = rsa(2048);
  const keys = await edgeSignInKeysOf({
    keys: [
      jwkOf(good, { kid: 'rsa', use: 'sig' }),
      jwkOf(good, { kid: 'pss', alg: 'PS256', key_ops: ['verify'] }),
      jwkOf(p256),
      jwkOf(ed, { kid: 7, alg: 'EdDSA' }),
      jwkOf(rsa(1024), { kid: 'weak' }),
      { kty: 'RSA', kid: 'huge', n: modulus(16_384), e: 'AQAB' },
      jwkOf(p256, { kid: 'broken', x: 'AAAA' }),
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }),
      jwkOf(p256, { kid: 'enc', use: 'enc' }),
      jwkOf(p256, { kid: 'wrap', key_ops: ['wrapKey'] }),
      jwkOf(p256, { kid: 'other', alg: 'ES384' }),
      jwkOf(ec('P-384'), { kid: 'p384' }),
      { kty: 'oct', kid: 'shared', k: 'AAAA' },
      {},
    ],
  });
  expect(keys).toEqual([
    { kid: 'rsa', alg: null, kind: 'RSA', spki: spkiOf(good) },
    { kid: 'pss', alg: 'PS256', kind: 'RSA', spki: spkiOf(good) },
    { kid: null, alg: null, kind: 'P-256', spki: spkiOf(p256) },
    { kid: null, alg: 'EdDSA', kind: 'Ed25519', spki: spkiOf(ed) },
    { kid: 'weak', alg: null, kind: 'RSA', spki: null },
    { kid: 'huge', alg: null, kind: 'RSA', spki: null },
    { kid: 'broken', alg: null, kind: 'P-256', spki: null },
    { kid: null, alg: null, kind: 'P-256', spki: null },
  ]);
});

test('the edge is told each other set of keys once, and of no keys when there are none to use', async () => {
  let tell = (_: KeySet | null): void => {};
  const office = followEdgeOffice({
    ...{ challengeSecret: 'c', sessionSecret: 's', ticketTtlMs: 1 },
    signIn: {
      shop: { jwksUrl: 'http://127.0.0.1:1/', issuer: 'https://shop.example', audience: undefined },
      keys: {
        get: () => null,
        onChange: (listener) => {
          tell = listener;
        },
      },
    },
  });
  const seen: unknown[] = [];
  const kids = ({ signIn }: EdgeOffice) => signIn?.keys.map(({ kid }) => kid);
  office.onChange((changed) => seen.push(kids(changed)));
  expect(office.get().signIn).toEqual({ issuer: 'https://shop.example', keys: [] });
  const setOf = (...names: string[]) => ({ keys: names.map((kid) => jwkOf(ed, { kid })) });
  tell(setOf('a'));
  await expect.poll(() => seen).toEqual([['a']]);
  tell({ keys: [...setOf('a').keys, { kty: 'oct', k: 'AAAA' }] });
  tell(setOf('a', 'b'));
  tell(setOf('b'));
  await expect.poll(() => kids(office.get())).toEqual(['b']);
  tell(null);
  await expect.poll(() => kids(office.get())).toEqual([]);
  expect(seen).toEqual([['a'], ['b'], []]);
});
