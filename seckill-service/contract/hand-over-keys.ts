import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';

/** A public key of the hand-over, as `GET /api/hand-over/keys` shows it (RFC 7517). */
export const handOverJwkSchema = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
  kid: z.string(),
  alg: z.literal('ES256'),
  use: z.literal('sig'),
});
export type HandOverJwk = z.infer<typeof handOverJwkSchema>;
export const handOverKeySetSchema = z.object({ keys: z.array(handOverJwkSchema) });

export type HandOverKey = { privateKey: KeyObject; jwk: HandOverJwk };

const pem = /-----BEGIN ([A-Z ]+)-----[\s\S]*?-----END \1-----/g;
const howToMake = 'openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256';

/**
 * The keys in `text`, PKCS#8 PEM one after the other: the first signs, all are shown, so that a new one can be known before it
 * signs. A key's id is its RFC 7638 thumbprint. Throws on anything else, without a word of the text.
 */
export function parseHandOverKeys(text: string): [HandOverKey, ...HandOverKey[]] {
  const [first, ...others] = [...text.matchAll(pem)].map(([block, label = '']) => keyOf(block, label));
  if (first === undefined || text.replace(pem, '').trim() !== '')
    throw new Error(`must be private keys in PEM, one after the other, each made by: ${howToMake}`);
  return [first, ...others];
}

function keyOf(block: string, label: string): HandOverKey {
  if (label !== 'PRIVATE KEY') throw new Error(`must hold PKCS#8 ("BEGIN PRIVATE KEY"), each made by: ${howToMake}`);
  const privateKey = privateKeyOf(block);
  if (privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new Error(`must hold keys of the curve P-256 (ES256), each made by: ${howToMake}`);
  const { x = '', y = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  const kid = createHash('sha256')
    .update(JSON.stringify({ crv: 'P-256', kty: 'EC', x, y }))
    .digest('base64url');
  return { privateKey, jwk: { kty: 'EC', crv: 'P-256', x, y, kid, alg: 'ES256', use: 'sig' } };
}

function privateKeyOf(block: string): KeyObject {
  try {
    return createPrivateKey(block);
  } catch {
    throw new Error(`holds a private key that cannot be read: make it anew by: ${howToMake}`);
  }
}
