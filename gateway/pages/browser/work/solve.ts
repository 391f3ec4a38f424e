import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { Work } from '#contract/challenge.ts';

export type Task = { challengeId: string; userId: string; work: Work };

/** The nonce of one round, in base 36; see gateway/tickets/proof-of-work.ts. The common beginning is hashed once. */
export function solveRound({ challengeId, userId, work }: Task, round: number): string {
  const begun = sha256.create().update(utf8ToBytes(`${challengeId}.${userId}.${round}.`));
  for (let nonce = 0; ; nonce += 1) {
    const text = nonce.toString(36);
    const [a = 0, b = 0, c = 0, d = 0] = begun.clone().update(utf8ToBytes(text)).digest();
    if (Math.clz32((a << 24) | (b << 16) | (c << 8) | d) >= work.bits) return text;
  }
}
