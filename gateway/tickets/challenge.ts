import { createHmac, randomInt, timingSafeEqual } from 'node:crypto';
import type { SaleNode } from '#contract/sale.ts';

export type Challenge = { challengeId: string; kind: SaleNode['challenge']; question: string; expiresAt: string };

const lifetimeMs = 120_000;

/**
 * A question that a person answers at once; it spreads arrivals and keeps the simplest bots out. Stateless: the id
 * carries the question, bound to the sale, signed and expiring.
 */
export type Challenges = ReturnType<typeof createChallenges>;

export function createChallenges(secret: string) {
  const signatureOf = (text: string) => createHmac('sha256', secret).update(`challenge:${text}`).digest();

  return {
    create(sale: SaleNode, nowMs: number): Challenge {
      const [a, b] = [randomInt(2, 20), randomInt(2, 20)];
      const expires = nowMs + lifetimeMs;
      const text = `${sale.saleId}.${a}.${b}.${expires}`;
      return {
        challengeId: `${text}.${signatureOf(text).toString('base64url')}`,
        kind: sale.challenge,
        question: sale.challenge === 'none' ? '' : `What is ${a} + ${b}?`,
        expiresAt: new Date(expires).toISOString(),
      };
    },

    /** True when the id is ours, for this sale and not expired, and the answer is right (`none` takes any answer). */
    accepts(sale: SaleNode, challengeId: string, answer: string, nowMs: number): boolean {
      const match = /^([a-z0-9-]+)\.(\d+)\.(\d+)\.(\d+)\.([A-Za-z0-9_-]{43})$/.exec(challengeId);
      if (match === null) return false;
      const [, saleId = '', a, b, expires, signature = ''] = match;
      const expected = signatureOf(`${saleId}.${a}.${b}.${expires}`);
      if (!timingSafeEqual(Buffer.from(signature, 'base64url'), expected)) return false;
      if (saleId !== sale.saleId || Number(expires) <= nowMs) return false;
      return sale.challenge === 'none' || answer.trim() === String(Number(a) + Number(b));
    },
  };
}
