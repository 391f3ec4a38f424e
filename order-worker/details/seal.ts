import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { PersonalKey } from '#contract/personal-keys.ts';

/**
 * AES-256-GCM (NIST SP 800-38D): a random nonce of 96 bits, the ciphertext, a tag of 128 bits, one after the other. The order's
 * id is authenticated with it, so that a row which is moved to another order opens no more.
 */
const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

export type Sealed = { keyId: string; sealed: Buffer };

export type Seal = {
  /** Of the key that seals. */
  keyId: string;
  /** With the first key. */
  seal: (orderId: string, text: string) => Sealed;
  /** Throws when the key is not there, or it is not what {@link Seal.seal} made for this order. No error repeats what is in it. */
  open: (orderId: string, sealed: Sealed) => string;
};

/** Null without a key: then nothing can be sealed. */
export function createSeal(keys: readonly PersonalKey[]): Seal | null {
  const [first] = keys;
  if (first === undefined) return null;
  const byId = new Map(keys.map(({ id, key }) => [id, key]));
  return {
    keyId: first.id,
    seal: (orderId, text) => {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, first.key, nonce, { authTagLength: tagBytes }).setAAD(
        Buffer.from(orderId),
      );
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return { keyId: first.id, sealed: Buffer.concat([nonce, body, cipher.getAuthTag()]) };
    },
    open: (orderId, { keyId, sealed }) => {
      const key = byId.get(keyId);
      if (key === undefined)
        throw new Error(`the details of ${orderId} are sealed by key "${keyId}": add it to SECKILL_PERSONAL_KEYS`);
      const [nonce, body, tag] = [
        sealed.subarray(0, nonceBytes),
        sealed.subarray(nonceBytes, -tagBytes),
        sealed.subarray(-tagBytes),
      ];
      try {
        const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes })
          .setAAD(Buffer.from(orderId))
          .setAuthTag(tag);
        return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
      } catch {
        throw new Error(
          `the details of ${orderId} do not open with key "${keyId}": another key has this id, or the row was changed`,
        );
      }
    },
  };
}
