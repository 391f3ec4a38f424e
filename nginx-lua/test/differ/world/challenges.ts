import { createHash, createHmac } from 'node:crypto';
import type { Challenge } from '#contract/challenge.ts';
import type { Random } from '#lab/random.ts';
import type { World } from './world.ts';

/** Of a challenge: over all before the signature's dot, for one user. */
export const signatureOf = (secret: string, text: string, userId: string): string =>
  createHmac('sha256', secret).update(`challenge:${text}.${userId}`).digest('base64url');

export type Made = { challengeId: string; answer: string };

/** A challenge id of this very text, signed as ours are, unless by another secret. */
export function signedId(world: World, text: string, userId: string, secret = world.challengeSecret): string {
  return `${text}.${signatureOf(secret, text, userId)}`;
}

const nonceOf = (random: Random) =>
  random
    .int(0, 2 ** 31)
    .toString(36)
    .padStart(8, '0')
    .slice(-8);

/** What both would have given this user `ageMs` ago, and the answer to it. Work is little, so that thousands can be done. */
export function makeChallenge(
  { world, random }: { world: World; random: Random },
  saleId: string,
  userId: string,
  { ageMs = random.int(0, 250_000), secret = world.challengeSecret } = {},
): Made {
  const asked = askedOf(world, random, saleId);
  const text = `${saleId}.${asked}.${(Date.now() - ageMs).toString(36)}.${nonceOf(random)}`;
  const challengeId = signedId(world, text, userId, secret);
  return { challengeId, answer: answerTo(world, random, challengeId, userId) };
}

function askedOf(world: World, random: Random, saleId: string): string {
  const sale = world.sales.get(saleId);
  if (sale?.challenge === 'none') return 'n';
  if (sale?.challenge === 'pow') return `p-${random.int(1, 16)}-${random.int(0, 5)}`;
  if (sale?.quiz !== undefined) return `q-${random.int(0, sale.quiz.length - 1)}`;
  return `s-${random.int(2, 19)}-${random.int(2, 19)}`;
}

/** A right answer; for a quiz one of those that ops wrote. */
export function answerTo(world: World, random: Random, challengeId: string, userId: string): string {
  const [saleId = '', asked = ''] = challengeId.split('.');
  const [kind, ...numbers] = asked.split('-');
  const [a = 0, b = 0] = numbers.map(Number);
  if (kind === 's') return String(a + b);
  if (kind === 'q') return random.pick(world.quizOf(saleId)[a]?.answers ?? ['none']);
  return kind === 'p' ? work(challengeId, userId, a, b) : '';
}

export const questionOf = (body: Buffer): Challenge => JSON.parse(body.toString()) as Challenge; // judged before

function work(challengeId: string, userId: string, rounds: number, bits: number): string {
  return Array.from({ length: rounds }, (_, round) => {
    for (let nonce = 0; ; nonce += 1) {
      const text = `${challengeId}.${userId}.${round}.${nonce.toString(36)}`;
      if (Math.clz32(createHash('sha256').update(text).digest().readUInt32BE(0)) >= bits) return nonce.toString(36);
    }
  }).join(',');
}
