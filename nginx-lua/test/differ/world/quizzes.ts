import type { QuizQuestion } from '#contract/sale-quiz.ts';

/** What the sales of the differential test ask. */
export const quizzes: Record<string, QuizQuestion[]> = {
  plain: [
    { question: 'Which lake?', answers: ['West Lake', '西湖'] },
    { question: { en: 'How many "legs" has a \\ spider?', zh: '蜘蛛有几条腿？' }, answers: ['8', 'eight', '八'] },
    {
      question: 'What is on the "sign"?',
      answers: ['say "yes" now', 'back\\slash', 'À la carte', 'wait...what', 'a/b'],
    },
    {
      question: 'Which number?',
      answers: ['12345678901234567000', '1e+21', '0.1', '-7', '007', '1000000000000000000'],
    },
    { question: 'Which street?', answers: ['Straße', 'ΟΔΟΣ', 'cafe\u0301'] },
  ],
  long: Array.from({ length: 50 }, (_, nth) => ({
    question: { en: `Question ${nth}: what is written on box ${nth}? 😀`, zh: `第 ${nth} 个盒子上写着什么？` },
    answers: [`box ${nth}`, `盒子${nth}`, String(1000 + nth)],
  })),
  one: [{ question: 'Say yes', answers: ['yes'] }],
};
