import { describe, expect, test } from 'vitest';
import { saleFileSchema } from './sale.ts';
import { normaliseAnswer } from './sale-quiz.ts';

const good = {
  saleId: 'autumn-phone',
  title: 'Phone',
  price: { amount: 1999, currency: 'CNY' },
  units: 100,
  opensAt: '2026-11-11T00:00:00Z',
  closesAt: '2026-11-12T00:00:00Z',
};
const question = {
  question: { en: 'Which lake is in Hangzhou?', zh: '杭州有哪个湖？' },
  answers: ['West Lake', '西湖'],
};
const problemsOf = (change: Record<string, unknown>) => {
  const result = saleFileSchema.safeParse({ ...good, ...change });
  return (result.error?.issues ?? []).map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n');
};

test.each([
  ['case and spaces', '  WEST   lake '],
  ['full width', 'Ｗｅｓｔ　Ｌａｋｅ'],
  ['marks around it', '“West Lake”。'],
])('an answer is right whatever its %s', (_what, given) => {
  expect(normaliseAnswer(given)).toBe(normaliseAnswer('west lake'));
});

test('marks inside an answer and its sign count', () => {
  expect(normaliseAnswer('3.14')).not.toBe(normaliseAnswer('314'));
  expect(normaliseAnswer('-7')).not.toBe(normaliseAnswer('7'));
});

describe('a quiz', () => {
  test('is taken with questions in one language or two, and its questions come ten minutes before the opening', () => {
    const quiz = [question, { question: 'What is 2 + 2?', answers: [4, 'four'] }];
    expect(saleFileSchema.parse({ ...good, quiz })).toMatchObject({
      challenge: 'quiz',
      challengeLeadSeconds: 600,
      quiz: [question, { answers: ['4', 'four'] }],
    });
    expect(saleFileSchema.parse(good).challengeLeadSeconds).toBeUndefined();
  });

  test.each([
    ['no questions', { quiz: [] }, 'quiz: must hold at least one question'],
    ['something else than a list', { quiz: 'easy' }, 'quiz: must be a list of questions'],
    ['no answers', { quiz: [{ question: 'Why?', answers: [] }] }, 'quiz.0.answers: must hold at least one accepted'],
    ['an answer of marks', { quiz: [{ question: 'Why?', answers: ['?!'] }] }, 'must hold a letter or a digit'],
    ['one answer twice', { quiz: [{ question: 'Why?', answers: ['A b', 'ａＢ'] }] }, 'names one answer twice'],
    ['markup in a question', { quiz: [{ question: '<b>Why?</b>', answers: ['x'] }] }, 'plain'],
    ['fifty-one questions', { quiz: Array(51).fill(question) }, 'at most 50 questions'],
    ['a misspelled field', { quiz: [{ ...question, anwsers: [] }] }, 'Unrecognized key'],
    ['no challenge of its kind', { quiz: [question], challenge: 'none' }, 'needs "challenge": "quiz"'],
  ])('with %s is refused and says why', (_what, change, words) => {
    expect(problemsOf(change)).toContain(words);
  });
});

test.each([
  ['a title with markup', { title: 'Tea <script>alert(1)</script>' }, 'title: must be plain text'],
  ['a Chinese title with markup', { translations: { zh: { title: '<img src=x>' } } }, 'translations.zh.title: must be'],
  ['a language that is none', { translations: { FR: { title: 'Thé' } } }, 'translations.FR: must be a language tag'],
  ['English among the translations', { translations: { en: { title: 'Tea' } } }, 'translations.en: must be left out'],
  ['a description with a control character', { description: 'a\u0007b' }, 'must not contain control characters'],
  ['a title that runs right to left', { title: 'Tea\u202eexe.gpj' }, 'must not contain control characters'],
  ['an unknown challenge', { challenge: 'captcha' }, 'must be one of "quiz", "pow", "none"'],
])('%s is refused and says why', (_what, change, words) => {
  expect(problemsOf(change)).toContain(words);
});

test('signs that are no markup stay', () => {
  expect(problemsOf({ title: 'Tea & cups < 5 cm <3', description: 'one\ntwo' })).toBe('');
});
