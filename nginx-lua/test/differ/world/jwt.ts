import { constants, createHmac, type KeyObject, sign } from 'node:crypto';

/** A key of the shop's sign-in, as it signs. */
export type SignInKey = { kid: string | undefined; algorithm: ShopAlgorithm; privateKey: KeyObject };
export type ShopAlgorithm = 'RS256' | 'PS256' | 'ES256' | 'EdDSA';

/** A JWT of these very texts: what is signed is what stands here, whether it is JSON or not. */
export function tokenOf(header: string | Buffer, payload: string | Buffer, signed: (text: string) => Buffer): string {
  const text = `${Buffer.from(header).toString('base64url')}.${Buffer.from(payload).toString('base64url')}`;
  return `${text}.${signed(text).toString('base64url')}`;
}

export const byHmac =
  (secret: string, hash = 'sha256') =>
  (text: string) =>
    createHmac(hash, secret).update(text).digest();

/** A signature by the algorithm's own rules (RFC 7518, 3.3 to 3.5; RFC 8037). */
export const byKey =
  ({ algorithm, privateKey: key }: Pick<SignInKey, 'algorithm' | 'privateKey'>) =>
  (text: string): Buffer => {
    const bytes = Buffer.from(text);
    switch (algorithm) {
      case 'RS256':
        return sign('sha256', bytes, key);
      case 'PS256':
        return sign('sha256', bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 });
      case 'ES256':
        return sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' });
      case 'EdDSA':
        return sign(null, bytes, key);
    }
  };

export const headerOfKey = ({ algorithm, kid }: SignInKey): string =>
  JSON.stringify({ alg: algorithm, ...(kid === undefined ? {} : { kid }) });
