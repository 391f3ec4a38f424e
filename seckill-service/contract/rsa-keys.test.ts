import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { expect, test } from 'vitest';
import { parseRsaPrivateKey, parseRsaPublicKey } from './rsa-keys.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const pkcs1 = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
const spki = publicKey.export({ type: 'spki', format: 'pem' }).toString();
/** As Alipay's tool and console show a key. */
const bare = (pem: string) => pem.replace(/-----[^-]+-----|\n/g, '');

test.each([pkcs8, pkcs1, bare(pkcs8), bare(pkcs1), pkcs8.trim(), `${bare(pkcs8)}\n`])('%s is a private key', (text) => {
  expect(parseRsaPrivateKey(text).equals(privateKey)).toBe(true);
});

test.each([spki, bare(spki), `${bare(spki)}\n`])('%s is a public key', (text) => {
  expect(parseRsaPublicKey(text).equals(publicKey)).toBe(true);
});

test('what is no RSA key of 2048 bits or more, of its kind, is refused without a word of it', () => {
  const refused = (parse: (text: string) => unknown, kind: string, texts: string[]) => {
    for (const text of texts)
      expect(() => parse(text), text).toThrow(new RegExp(`^must be an RSA ${kind} key of 2048 bits`));
  };
  const none = ['', 'key', 'a'.repeat(400), pkcs8.slice(0, 300)];
  const pems = (key: KeyObject) =>
    key.export({ type: key.type === 'private' ? 'pkcs8' : 'spki', format: 'pem' }).toString();
  refused(parseRsaPrivateKey, 'private', [...none, spki, bare(spki), pems(weak.privateKey), pems(curve.privateKey)]);
  refused(parseRsaPublicKey, 'public', [
    ...none,
    pkcs8,
    pkcs1,
    bare(pkcs8),
    bare(pkcs1),
    pems(weak.publicKey),
    pems(curve.publicKey),
  ]);
});
