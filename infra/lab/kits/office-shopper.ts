import type { Challenge } from '#contract/challenge.ts';
import { createChallenges } from '#gateway/tickets/challenge.ts';
import { signSession } from '#http/authenticate.ts';
import { edgeOffice } from '../servers/edge.ts';
import { saleNode } from './sale-node.ts';

/** What a shopper of the test edges' own ticket office sends: a session of the demo sign-in, and the answer to a sum. */
export type OfficeShopper = { authorization: string; challenge: Challenge; answerBody: string };

const challenges = createChallenges(edgeOffice.challengeSecret);

/** `issuedMs`, Unix time: the challenge is good for five minutes from then on. */
export function officeShopper(saleId: string, userId: string, issuedMs: number): OfficeShopper {
  const challenge = challenges.create(saleNode({ saleId, challenge: 'quiz' }), userId, issuedMs);
  const [, a, b] = /(\d+) \+ (\d+)/.exec(challenge.question) ?? [];
  return {
    authorization: `Bearer ${signSession(userId, edgeOffice.sessionSecret, Date.now())}`,
    challenge,
    answerBody: JSON.stringify({ challengeId: challenge.challengeId, answer: String(Number(a) + Number(b)) }),
  };
}
