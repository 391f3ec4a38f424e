import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

const shortestBits = 2048;
const base64 = /^[A-Za-z0-9+/\s]+={0,2}\s*$/;

/**
 * An RSA private key of 2048 bits or more: PEM (PKCS#8 or PKCS#1), or the base64 of either without its first and last line, as
 * Alipay's key tool writes it. Throws on anything else, without a word of the text.
 */
export function parseRsaPrivateKey(text: string): KeyObject {
  const key = Buffer.from(text, 'base64');
  const found = base64.test(text)
    ? (strongRsa(() => createPrivateKey({ key, format: 'der', type: 'pkcs8' })) ??
      strongRsa(() => createPrivateKey({ key, format: 'der', type: 'pkcs1' })))
    : strongRsa(() => createPrivateKey(text));
  if (found !== null) return found;
  throw new Error('must be an RSA private key of 2048 bits or more: PEM (PKCS#8 or PKCS#1), or its base64 alone');
}

/** An RSA public key of 2048 bits or more: PEM, or its base64 alone, as Alipay's console shows it. Throws on anything else. */
export function parseRsaPublicKey(text: string): KeyObject {
  const key = Buffer.from(text, 'base64');
  // node:crypto would make the public key of a private one: that is no key to check another's signatures by.
  const found = base64.test(text)
    ? strongRsa(() => createPublicKey({ key, format: 'der', type: 'spki' }))
    : text.includes('PRIVATE KEY')
      ? null
      : strongRsa(() => createPublicKey(text));
  if (found !== null) return found;
  throw new Error('must be an RSA public key of 2048 bits or more: PEM, or its base64 alone');
}

function strongRsa(read: () => KeyObject): KeyObject | null {
  try {
    const key = read();
    const isStrong = (key.asymmetricKeyDetails?.modulusLength ?? 0) >= shortestBits;
    return key.asymmetricKeyType === 'rsa' && isStrong ? key : null;
  } catch {
    return null; // what OpenSSL says of it may hold a part of it
  }
}
