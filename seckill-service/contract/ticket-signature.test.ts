import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { createSigner } from './ticket-signature.ts';

test('a signature is HMAC-SHA256, of secrets and texts of every length, and no other signature passes', () => {
  for (const secret of ['s'.repeat(32), 's'.repeat(64), 's'.repeat(65), '密'.repeat(40)]) {
    const signer = createSigner(secret, 300);
    for (const length of [300, 0, 1, 55, 64, 119, 120]) {
      const text = 'a1.-_Z'.repeat(50).slice(0, length);
      const signature = signer.sign(text);
      expect(signature).toBe(createHmac('sha256', secret).update(text).digest('base64url'));
      expect(signer.isSignature(text, signature)).toBe(true);
      expect(signer.isSignature(text, createHmac('sha256', 'another').update(text).digest('base64url'))).toBe(false);
      for (const other of [signature.slice(1), `${signature}A`, ''])
        expect(signer.isSignature(text, other)).toBe(false);
    }
  }
  const [short, tooLong] = [createSigner('s'.repeat(32), 10), 'x'.repeat(11)];
  expect(short.isSignature(tooLong, short.sign(tooLong))).toBe(false);
});
