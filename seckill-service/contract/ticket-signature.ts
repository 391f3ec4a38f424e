import { createHmac, hash, timingSafeEqual } from 'node:crypto';

const [blockBytes, digestBytes, digestLetters] = [64, 32, 43];
const [innerPad, outerPad] = [0x36, 0x5c];

/** Signs and checks texts of ASCII letters with one secret. */
export type Signer = {
  /** HMAC-SHA256 as base64url: 43 characters. */
  sign: (text: string) => string;
  /** Whether `signature`, base64url, is that of `text`; takes the same time wherever they differ. No longer text than `maxLength` has one. */
  isSignature: (text: string, signature: string) => boolean;
};

/**
 * HMAC-SHA256 (RFC 2104). A signature is checked, once a purchase, by two hashes of buffers that are made once and hold the
 * padded secret: `createHmac` makes a native object for each text, which the process pays for again when it collects it.
 */
export function createSigner(secret: string, maxLength: number): Signer {
  const bytes = Buffer.from(secret);
  const key = bytes.length > blockBytes ? hash('sha256', bytes, 'buffer') : bytes;
  const padded = (pad: number, room: number) => {
    const buffer = Buffer.alloc(blockBytes + room).fill(pad, 0, blockBytes);
    for (const [at, byte] of key.entries()) buffer[at] = byte ^ pad;
    return buffer;
  };
  const [inner, outer] = [padded(innerPad, maxLength), padded(outerPad, digestBytes)];
  const [expected, given] = [Buffer.alloc(digestBytes), Buffer.alloc(digestBytes)];

  /** What is hashed last; the next text overwrites it. */
  function outerOf(text: string): Buffer {
    const end = blockBytes + inner.write(text, blockBytes, 'latin1');
    outer.write(hash('sha256', inner.subarray(0, end), 'binary'), blockBytes, 'latin1');
    return outer;
  }

  return {
    sign: (text) => createHmac('sha256', secret).update(text).digest('base64url'),
    isSignature(text, signature) {
      if (text.length > maxLength || signature.length !== digestLetters) return false;
      expected.write(hash('sha256', outerOf(text), 'binary'), 'latin1');
      return given.write(signature, 'base64url') === digestBytes && timingSafeEqual(given, expected);
    },
  };
}
