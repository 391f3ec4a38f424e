import { createHmac, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import type { Challenge, Work } from '#contract/challenge.ts';
import { derivedOrderId } from '#contract/order.ts';
import type { LocalText } from '#contract/plain-text.ts';
import type { SaleNode } from '#contract/sale.ts';
import { createPressure, defaultCalmPerSecond } from './pressure.ts';
import { isWorkDone } from './proof-of-work.ts';
import { isAccepted, isSum, newSum, sumQuestion } from './quiz.ts';

/** As long as the page prepares before the opening, so that nobody's question changes under their hands. */
const lifetimeMs = 300_000;

/**
 * `orderId`: the one order that this answer of this user is good for. `foreign`: we gave this user no such challenge for
 * this sale; nothing is learned about an answer by it.
 */
export type Verdict =
  | { kind: 'right'; orderId: string }
  | { kind: 'wrong' }
  | { kind: 'foreign' }
  | { kind: 'expired' };

/**
 * What stands before a ticket. Stateless: the id says what was asked and when, bound to sale and user, signed and expiring:
 *
 *   <saleId>.<what was asked>.<issued>.<nonce>.<signature>
 *
 * `issued` is Unix ms in base 36, the signature HMAC-SHA256 over `challenge:`, all before its dot, a dot and the user id:
 * a challenge is good for the user who asked for it. The order id is derived from challenge and user: a second use is the
 * same ticket again, so an answer buys once without anyone keeping a list of used ones.
 */
export type Challenges = ReturnType<typeof createChallenges>;

/** What was asked, as the id holds it: `s-3-4` a sum, `q-7` the sale's question 7, `p-16-12` work, `n` nothing. */
const pattern =
  /^([a-z0-9-]{1,48})\.(?:s-(\d+)-(\d+)|q-(\d+)|p-(\d+)-(\d+)|n)\.([0-9a-z]{8,9})\.[\w-]{8}\.([\w-]{43})$/;
const signatureLength = 43;

export function createChallenges(secret: string, options: { calmPerSecond?: number } = {}) {
  const hmac = (text: string) => createHmac('sha256', secret).update(text).digest();
  const sign = (text: string, userId: string) => hmac(`challenge:${text}.${userId}`).toString('base64url');
  const pressure = createPressure(options.calmPerSecond ?? defaultCalmPerSecond);

  function ask(sale: SaleNode, userId: string, nowMs: number): { asked: string; questions: LocalText; work?: Work } {
    if (sale.challenge === 'none') return { asked: 'n', questions: { en: '' } };
    if (sale.challenge === 'pow') {
      const work = pressure.workFor(userId, nowMs);
      const en = `Find ${work.rounds} nonces, "n0,n1,…", so that SHA-256("<challengeId>.<userId>.<round>.<nonce>") of each begins with ${work.bits} zero bits.`;
      return { asked: `p-${work.rounds}-${work.bits}`, questions: { en }, work };
    }
    if (sale.quiz !== undefined && sale.quiz.length > 0) {
      const index = randomInt(sale.quiz.length);
      return { asked: `q-${index}`, questions: sale.quiz[index]?.question ?? { en: '' } };
    }
    const [a, b] = newSum();
    return { asked: `s-${a}-${b}`, questions: sumQuestion(a, b) };
  }

  return {
    /** A challenge for this user alone. */
    create(sale: SaleNode, userId: string, nowMs: number): Challenge {
      const { asked, questions, work } = ask(sale, userId, nowMs);
      const text = `${sale.saleId}.${asked}.${nowMs.toString(36)}.${randomBytes(6).toString('base64url')}`;
      return {
        challengeId: `${text}.${sign(text, userId)}`,
        kind: sale.challenge,
        question: questions.en,
        questions,
        expiresAt: new Date(nowMs + lifetimeMs).toISOString(),
        ...(work === undefined ? {} : { work }),
      };
    },

    /** Judges an answer. `none` takes any. */
    judge(sale: SaleNode, challengeId: string, answer: string, userId: string, nowMs: number): Verdict {
      const match = pattern.exec(challengeId);
      if (match === null) return { kind: 'foreign' };
      const [, saleId, a, b, index, rounds, bits, issued = '', signature = ''] = match;
      const expected = sign(challengeId.slice(0, -signatureLength - 1), userId);
      // As text: several spellings of its last letter are the same bytes, and each would be an order of its own.
      if (!timingSafeEqual(Buffer.from(signature), Buffer.from(expected))) return { kind: 'foreign' };
      if (saleId !== sale.saleId) return { kind: 'foreign' };
      const issuedMs = Number.parseInt(issued, 36);
      if (issuedMs + lifetimeMs <= nowMs) return { kind: 'expired' };

      const question = index === undefined ? undefined : sale.quiz?.[Number(index)];
      const isRight =
        a !== undefined
          ? isSum(Number(a), Number(b), answer)
          : rounds !== undefined
            ? isWorkDone({ rounds: Number(rounds), bits: Number(bits) }, challengeId, userId, answer)
            : index === undefined || (question !== undefined && isAccepted(secret, saleId, question, answer));
      if (!isRight) return { kind: 'wrong' };
      const seed = hmac(`order:${JSON.stringify([challengeId, userId])}`);
      return { kind: 'right', orderId: derivedOrderId(saleId, issuedMs, seed) };
    },
  };
}
