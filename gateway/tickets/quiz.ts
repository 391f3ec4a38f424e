import { createHmac, randomInt, timingSafeEqual } from 'node:crypto';
import { type LocalText, toLocalText } from '#contract/plain-text.ts';
import { normaliseAnswer, type QuizQuestion, type SealedQuestion } from '#contract/sale-quiz.ts';

/** 128 bits: far more than anyone finds by trying, and short in ZooKeeper. */
const sealedLength = 22;

/**
 * An accepted answer as everyone but ops' own file has it: HMAC-SHA256 with a secret, bound to sale and question, so
 * that equal answers look different and a list of common answers is of no use without the secret.
 */
export function sealAnswer(secret: string, saleId: string, question: string, answer: string): string {
  const text = `${sealStart(saleId, question)}${JSON.stringify(normaliseAnswer(answer))}]`;
  return createHmac('sha256', secret).update(text).digest('base64url').slice(0, sealedLength);
}

/** What is sealed, up to the answer: JSON of a list of four texts. */
export const sealStart = (saleId: string, question: string): string =>
  `${JSON.stringify(['quiz', saleId, question]).slice(0, -1)},`;

export function sealQuiz(secret: string, saleId: string, quiz: readonly QuizQuestion[]): SealedQuestion[] {
  return quiz.map(({ question, answers }) => {
    const asked = toLocalText(question);
    return { question: asked, sealedAnswers: answers.map((answer) => sealAnswer(secret, saleId, asked.en, answer)) };
  });
}

export function isAccepted(secret: string, saleId: string, asked: SealedQuestion, answer: string): boolean {
  const given = Buffer.from(sealAnswer(secret, saleId, asked.question.en, answer));
  // Every one is looked at: how long it takes does not tell which.
  return asked.sealedAnswers.filter((sealed) => isEqual(Buffer.from(sealed), given)).length > 0;
}

const isEqual = (a: Buffer, b: Buffer) => a.length === b.length && timingSafeEqual(a, b);

/** The built-in question, for a sale without questions of its own: two numbers to add. */
export function newSum(): [a: number, b: number] {
  return [randomInt(2, 20), randomInt(2, 20)];
}

export function sumQuestion(a: number, b: number): LocalText {
  return { en: `What is ${a} + ${b}?`, zh: `${a} + ${b} 等于多少？` };
}

export const isSum = (a: number, b: number, answer: string) => normaliseAnswer(answer) === String(a + b);
