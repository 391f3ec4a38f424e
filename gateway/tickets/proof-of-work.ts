import { createHash } from 'node:crypto';
import type { Work } from '#contract/challenge.ts';

/**
 * Whether `answer` (nonces joined by commas, one a round) is the work for this challenge and this user: each
 * `SHA-256("<challengeId>.<userId>.<round>.<nonce>")` begins with `bits` zero bits. A hashcash (Back, 2002) in several
 * rounds, which spreads the luck and makes progress visible. The user is in it: work done for one is of no use to another.
 */
export function isWorkDone(work: Work, challengeId: string, userId: string, answer: string): boolean {
  const nonces = answer.split(',');
  if (nonces.length !== work.rounds) return false;
  return nonces.every(
    (nonce, round) =>
      /^[0-9a-z]{1,8}$/.test(nonce) && zeroBits(`${challengeId}.${userId}.${round}.${nonce}`) >= work.bits,
  );
}

function zeroBits(text: string): number {
  return Math.clz32(createHash('sha256').update(text).digest().readUInt32BE(0));
}
