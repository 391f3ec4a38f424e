import { type CryptoKey, createLocalJWKSet, errors, type JWK } from 'jose';
import type { EdgeSignInKey } from '#contract/edge-office.ts';

const kinds = { RS256: 'RSA', PS256: 'RSA', ES256: 'P-256', EdDSA: 'Ed25519' } as const;
/** What a larger one takes to verify is more than a request at the edge may cost. */
const maxRsaBits = 8192;
const minRsaBits = 2048;

/**
 * The keys of a JWK set that may verify a token, for the edge: those that jose would take for one of the algorithms that
 * the edge knows, also where they are broken, weak or too large. jose itself says so, of each key alone.
 */
export async function edgeSignInKeysOf(keySet: { keys: Record<string, unknown>[] }): Promise<EdgeSignInKey[]> {
  const all = await Promise.all(keySet.keys.map(edgeSignInKeyOf));
  return all.filter((key) => key !== null);
}

async function edgeSignInKeyOf(jwk: Record<string, unknown>): Promise<EdgeSignInKey | null> {
  // What it is made of is for jose to judge.
  const alone = createLocalJWKSet({ keys: [jwk as JWK] });
  for (const [alg, kind] of Object.entries(kinds)) {
    const said = { kid: textOf(jwk.kid), alg: textOf(jwk.alg), kind };
    try {
      return { ...said, spki: await spkiOf(await alone({ alg })) };
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) return { ...said, spki: null };
    }
  }
  return null;
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : null);

async function spkiOf(key: CryptoKey): Promise<string | null> {
  const bits = 'modulusLength' in key.algorithm ? Number(key.algorithm.modulusLength) : null;
  if (bits !== null && (bits < minRsaBits || bits > maxRsaBits)) return null;
  return Buffer.from(await crypto.subtle.exportKey('spki', key)).toString('base64');
}
