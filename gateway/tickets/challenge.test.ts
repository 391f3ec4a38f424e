import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Challenge, Work } from '#contract/challenge.ts';
import { saleIdOfOrder } from '#contract/order.ts';
import type { SaleNode } from '#contract/sale.ts';
import { saleNode } from '#lab/kits/sale-node.ts';
import { createChallenges } from './challenge.ts';
import { createPressure } from './pressure.ts';
import { sealQuiz } from './quiz.ts';

const secret = 'a secret of at least 32 characters';
const nowMs = Date.parse('2026-11-11T00:00:00Z');
const challenges = createChallenges(secret);
const quiz = [{ question: { en: 'Which lake?', zh: '哪个湖？' }, answers: ['West Lake', '西湖'] }];
const withQuiz = saleNode({ quiz: sealQuiz(secret, 'tea', quiz) });

const sumOf = (challenge: Challenge) => {
  const [a, b] = challenge.question.match(/\d+/g) ?? [];
  return String(Number(a) + Number(b));
};
const judge = (sale: SaleNode, { challengeId }: Challenge, answer: string, userId = 'ada', atMs = nowMs + 1000) =>
  challenges.judge(sale, challengeId, answer, userId, atMs);

/** What the browser's worker does, by Node's own hash. */
function work({ challengeId }: Challenge, { rounds, bits }: Work, userId: string): string {
  return Array.from({ length: rounds }, (_, round) => {
    for (let nonce = 0; ; nonce += 1) {
      const text = `${challengeId}.${userId}.${round}.${nonce.toString(36)}`;
      if (Math.clz32(createHash('sha256').update(text).digest().readUInt32BE(0)) >= bits) return nonce.toString(36);
    }
  }).join(',');
}

describe('a sale without questions of its own', () => {
  const sale = saleNode();
  test('asks for a plain sum, in English and Chinese', () => {
    const challenge = challenges.create(sale, 'ada', nowMs);
    expect(challenge).toMatchObject({ kind: 'quiz', expiresAt: '2026-11-11T00:05:00.000Z' });
    expect(challenge.question).toMatch(/^What is \d+ \+ \d+\?$/);
    expect(challenge.questions.zh).toContain('等于多少');
    expect(judge(sale, challenge, ` ${sumOf(challenge)} `).kind).toBe('right');
    expect(judge(sale, challenge, '0').kind).toBe('wrong');
  });
});

test('the right answer names one order of this sale: the same again, another for another challenge (I5)', () => {
  const sale = saleNode();
  const challenge = challenges.create(sale, 'ada', nowMs);
  const orderOf = (userId: string, atMs?: number) => {
    const verdict = judge(sale, challenge, sumOf(challenge), userId, atMs);
    return verdict.kind === 'right' ? verdict.orderId : '';
  };
  expect(saleIdOfOrder(orderOf('ada'))).toBe('tea');
  expect(orderOf('ada', nowMs + 200_000)).toBe(orderOf('ada'));
  expect(orderOf('bob')).toBe('');
  const next = challenges.create(sale, 'ada', nowMs);
  expect(judge(sale, next, sumOf(next))).not.toEqual(judge(sale, challenge, sumOf(challenge)));
});

test('a challenge is for its own sale, for five minutes, and only as it was signed', () => {
  const sale = saleNode();
  const challenge = challenges.create(sale, 'ada', nowMs);
  const answer = sumOf(challenge);
  expect(judge(sale, challenge, answer, 'ada', nowMs + 299_999).kind).toBe('right');
  expect(judge(sale, challenge, answer, 'ada', nowMs + 300_000).kind).toBe('expired');
  expect(judge(saleNode({ saleId: 'lamp' }), challenge, answer).kind).toBe('foreign');
  const forged = { ...challenge, challengeId: challenge.challengeId.replace(/s-\d+-\d+/, 's-1-1') };
  expect(judge(sale, forged, '2').kind).toBe('foreign');
  expect(createChallenges(`${secret}, another`).judge(sale, challenge.challengeId, answer, 'ada', nowMs).kind).toBe(
    'foreign',
  );
  for (const challengeId of ['', 'tea.n', `${challenge.challengeId}x`, 'a'.repeat(256)]) {
    expect(judge(sale, { ...challenge, challengeId }, answer).kind).toBe('foreign');
  }
});

test.each([
  ['a sum', saleNode(), sumOf],
  ['a quiz', withQuiz, () => 'west lake'],
  ['nothing', saleNode({ challenge: 'none' }), () => ''],
] as const)('%s: a challenge is good for the user who asked, and for no other user', (_, sale, solve) => {
  const ofAda = challenges.create(sale, 'ada', nowMs);
  expect(judge(sale, ofAda, solve(ofAda), 'bob').kind).toBe('foreign');
  const ofBob = challenges.create(sale, 'bob', nowMs);
  expect(judge(sale, ofBob, solve(ofBob), 'bob').kind).toBe('right');
});

describe('a quiz of the shop', () => {
  test('takes every accepted answer in any language and width, and nothing else', () => {
    const challenge = challenges.create(withQuiz, 'ada', nowMs);
    expect(challenge).toMatchObject({ kind: 'quiz', question: 'Which lake?', questions: quiz[0]?.question });
    for (const answer of ['west lake', 'ＷＥＳＴＬＡＫＥ', ' 西湖。']) {
      expect(judge(withQuiz, challenge, answer).kind).toBe('right');
    }
    for (const answer of ['', 'East Lake', 'west']) expect(judge(withQuiz, challenge, answer).kind).toBe('wrong');
  });

  test('holds no answer that anyone could read, and equal answers look different', () => {
    const twice = sealQuiz(secret, 'tea', [...quiz, { question: 'Which other?', answers: ['West Lake'] }]);
    const text = JSON.stringify([twice, challenges.create(withQuiz, 'ada', nowMs)]);
    expect(text).not.toMatch(/west\s?lake|西湖/i);
    expect(twice[1]?.sealedAnswers[0]).not.toBe(twice[0]?.sealedAnswers[0]);
    expect(sealQuiz(secret, 'lamp', quiz)).not.toEqual(sealQuiz(secret, 'tea', quiz));
  });

  test('asks each of its questions', () => {
    const many = saleNode({
      quiz: sealQuiz(
        secret,
        'tea',
        Array.from({ length: 4 }, (_, n) => ({ question: `Question ${n}?`, answers: [String(n)] })),
      ),
    });
    const asked = new Set(Array.from({ length: 200 }, () => challenges.create(many, 'ada', nowMs).question));
    expect(asked.size).toBe(4);
  });
});

describe('proof of work', () => {
  const sale = saleNode({ challenge: 'pow' });
  test('is of no use to another user, nor is half of it', () => {
    const challenge = challenges.create(sale, 'ada', nowMs);
    const done = work(challenge, challenge.work ?? { rounds: 0, bits: 0 }, 'ada');
    expect(judge(sale, challenge, done, 'ada').kind).toBe('right');
    expect(judge(sale, challenge, done, 'bob').kind).toBe('foreign');
    expect(judge(sale, challenge, done.replace(/,.*/, ''), 'ada').kind).toBe('wrong');
    expect(judge(sale, challenge, '', 'ada').kind).toBe('wrong');
    // Every answer fits into what the ticket route takes.
    expect(done.length).toBeLessThan(200);
  });

  test('grows with the users who ask, has an end, and is small again when they are gone', () => {
    const pressure = createPressure(200);
    const bitsAfter = (users: number, atMs: number) => {
      let bits = 0;
      for (let n = 0; n < users; n += 1) bits = pressure.workFor(`user-${n}`, atMs).bits;
      return bits;
    };
    expect(bitsAfter(100, 0)).toBe(12);
    expect(bitsAfter(2000, 2000)).toBe(14);
    expect(bitsAfter(200_000, 4000)).toBe(17);
    expect(bitsAfter(1, 6000)).toBe(17);
    expect(bitsAfter(1, 8000)).toBe(12);
  });

  test('one user who asks again and again does not make it dearer', () => {
    const pressure = createPressure(200);
    const bits = Array.from({ length: 20_000 }, (_, n) => pressure.workFor('ada', Math.floor(n / 10)).bits);
    expect(Math.max(...bits)).toBe(12);
  });
});

test('`none` takes any answer', () => {
  const sale = saleNode({ challenge: 'none' });
  expect(judge(sale, challenges.create(sale, 'ada', nowMs), 'any answer').kind).toBe('right');
});

test('another spelling of the same signature is no second challenge: one answer is one order (I5)', () => {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const sale = saleNode();
  const challenge = challenges.create(sale, 'ada', nowMs);
  const verdicts = [...letters].map((letter) => {
    const challengeId = `${challenge.challengeId.slice(0, -1)}${letter}`;
    return judge(sale, { ...challenge, challengeId }, sumOf(challenge)).kind;
  });
  expect(verdicts.filter((kind) => kind === 'right')).toHaveLength(1);
});
