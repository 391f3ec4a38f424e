import { z } from 'zod';
import { type LocalText, localText, localTextSchema } from './plain-text.ts';
import { seenOnOneLine } from './seen-text.ts';

export const maxQuestions = 50;

/**
 * An answer as it is compared: full-width and half-width are one (Unicode NFKC), so are upper and lower case; spaces
 * and the marks around the answer do not count.
 */
export function normaliseAnswer(answer: string): string {
  return answer
    .normalize('NFKC')
    .toLowerCase()
    .replace(/\s+/gu, '')
    .replace(/^["'“”‘’「」『』()（）.,。，、!！?？;；:：]+|["'“”‘’「」『』()（）.,。，、!！?？;；:：]+$/gu, '');
}

const answers = z
  .array(
    z
      .union([z.string(), z.number()], { error: 'must be text' })
      .transform(String)
      .refine((text) => text.length <= 64, 'must be at most 64 characters')
      .superRefine(seenOnOneLine)
      .refine((text) => normaliseAnswer(text) !== '', 'must hold a letter or a digit: nobody could give this answer'),
    { error: 'must be a list of accepted answers' },
  )
  .min(1, 'must hold at least one accepted answer')
  .max(10, 'must hold at most 10 answers')
  .refine(
    (list) => new Set(list.map(normaliseAnswer)).size === list.length,
    'names one answer twice (case, width and spaces do not count)',
  );

/** One question as ops write it: what is asked, and every answer that is right, in any language. */
export const quizQuestionSchema = z.strictObject({ question: localText(160), answers });
export type QuizQuestion = z.infer<typeof quizQuestionSchema>;

export const quizSchema = z
  .array(quizQuestionSchema, { error: 'must be a list of questions' })
  .min(1, 'must hold at least one question, or be left out: then shoppers get a sum')
  .max(maxQuestions, `must hold at most ${maxQuestions} questions`);

/**
 * A question as it is stored and published: the answers are keyed hashes (gateway/tickets/quiz.ts), so neither
 * PostgreSQL nor ZooKeeper nor anyone who reads them knows an answer.
 */
export const sealedQuestionSchema = z.object({
  question: localTextSchema,
  sealedAnswers: z.array(z.string()),
});
export type SealedQuestion = { question: LocalText; sealedAnswers: string[] };
