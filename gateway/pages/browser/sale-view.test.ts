import { expect, test } from 'vitest';
import { saleStates } from '#contract/sale.ts';
import { sumQuestion } from '#gateway/tickets/quiz.ts';
import { buttonView, questionText } from './sale-view.ts';
import { testingWords } from './testing-words.ts';

const [en, zh] = [testingWords('en'), testingWords('zh')];
const calm = { doing: null, ticket: 'none', canPrepare: false, hasAll: false } as const;

test('the button can be pressed exactly when a press does something', () => {
  const live = (change: Partial<Parameters<typeof buttonView>[1]>) =>
    buttonView(en, { ...calm, state: 'open', ...change });
  expect(saleStates.filter((state) => live({ state }).isLive)).toEqual(['open']);
  expect(live({ state: null })).toEqual({ label: en.buy.wait, isLive: false });
  expect(live({ state: 'upcoming', canPrepare: true })).toEqual({ label: en.buy.getReady, isLive: true });
  expect(live({ state: 'upcoming', canPrepare: true, ticket: 'ready' })).toEqual({
    label: en.buy.ready,
    isLive: false,
  });
  // An order whose answer was lost can always be asked for again, sold out or not.
  expect(live({ state: 'sold_out', ticket: 'tried' })).toEqual({ label: en.buy.again, isLive: true });
  expect(live({ state: 'sold_out', hasAll: true })).toEqual({ label: en.buy.seeOrder, isLive: true });
});

test('the question is shown in the visitor’s language, in English where the shop has no other', () => {
  const challenge = {
    challengeId: '',
    kind: 'quiz',
    question: 'Which?',
    questions: { en: 'Which?', zh: '哪个？' },
    expiresAt: '',
  } as const;
  const at = {
    state: 'open',
    isReady: false,
    canPrepare: true,
    progress: null,
    isWork: false,
    challenge,
    prepareMs: 240_000,
    needsSignIn: false,
  } as const;
  expect(questionText(zh, at)).toBe('哪个？');
  expect(questionText(zh, { ...at, challenge: { ...challenge, questions: { en: 'Which?' } } })).toBe('Which?');
  // The built-in sum is said in the words of the page where it does not come in the visitor's language.
  const french = { ...en, tag: 'fr', question: { ...en.question, sum: 'Combien font {a} + {b} ?' } };
  const sum = { ...challenge, question: sumQuestion(3, 14).en, questions: sumQuestion(3, 14) };
  expect(questionText(french, { ...at, challenge: sum })).toBe('Combien font 3 + 14 ?');
  expect(questionText(french, { ...at, challenge })).toBe('Which?');
  expect(questionText(en, { ...at, challenge: null, canPrepare: false, state: 'upcoming' })).toContain('4 minutes');
  expect(questionText(zh, { ...at, isWork: true, progress: 0.5, challenge: null })).toContain('50%');
  // A stranger is asked nothing yet, and a stranger's device neither; a ticket in hand stays one.
  expect(questionText(en, { ...at, needsSignIn: true })).toBe('A short question appears here when you have signed in.');
  expect(questionText(en, { ...at, needsSignIn: true, isWork: true })).toBe(en.question.workEarly);
  expect(questionText(en, { ...at, needsSignIn: true, isReady: true })).toBe(en.question.done);
});
