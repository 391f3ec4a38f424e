import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { ChallengeKind } from '#infra/capacity/shopper-costs.ts';

/** The questions of the quiz, with their answers. */
export const quiz = [
  {
    question: { en: 'Which city is the capital of France?', zh: '法国的首都是哪座城市？' },
    answers: ['Paris', '巴黎'],
  },
  { question: { en: 'How many legs does a spider have?', zh: '蜘蛛有几条腿？' }, answers: ['8', 'eight', '八'] },
  {
    question: { en: 'Which colour do blue and yellow make?', zh: '蓝色加黄色是什么颜色？' },
    answers: ['green', '绿色'],
  },
];

/** Half a thousand hashes a round is what a bench can afford; the check of 16 rounds costs the same with any number of bits. */
const work = { rounds: 16, bits: 4 };

/** The body of `POST …/ticket` that a challenge asks for. */
export function answerTo(
  challenge: { challengeId: string; question: string },
  kind: ChallengeKind,
  { saleId, userId, secret }: { saleId: string; userId: string; secret: string },
): string {
  if (kind === 'pow') return JSON.stringify(workDone(saleId, userId, secret));
  return JSON.stringify({ challengeId: challenge.challengeId, answer: answers[kind](challenge.question) });
}

const answers: Record<Exclude<ChallengeKind, 'pow'>, (question: string) => string> = {
  sum: (question) => {
    const [, a, b] = /(\d+) \+ (\d+)/.exec(question) ?? [];
    return String(Number(a) + Number(b));
  },
  quiz: (question) => quiz.find((each) => each.question.en === question)?.answers[0] ?? '',
  none: () => '',
};

/**
 * Work done, for a challenge as the ticket office would have signed it (gateway/tickets/challenge.ts), but with few bits: what
 * the client pays is not measured.
 */
function workDone(saleId: string, userId: string, secret: string): { challengeId: string; answer: string } {
  const { rounds, bits } = work;
  const text = `${saleId}.p-${rounds}-${bits}.${Date.now().toString(36)}.${randomBytes(6).toString('base64url')}`;
  const signature = createHmac('sha256', secret).update(`challenge:${text}.${userId}`).digest('base64url');
  const challengeId = `${text}.${signature}`;
  const nonces = Array.from({ length: rounds }, (_, round) => {
    for (let nonce = 0; ; nonce += 1) {
      const tried = `${challengeId}.${userId}.${round}.${nonce.toString(36)}`;
      if (Math.clz32(createHash('sha256').update(tried).digest().readUInt32BE(0)) >= bits) return nonce.toString(36);
    }
  });
  return { challengeId, answer: nonces.join(',') };
}
