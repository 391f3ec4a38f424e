import { expect, test } from 'vitest';
import { saleStates } from '#contract/sale.ts';
import { buttonView, questionText } from './sale-view.ts';
import { en } from './words/en.ts';
import { zh } from './words/zh.ts';

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
  } as const;
  expect(questionText(zh, 'zh', at)).toBe('哪个？');
  expect(questionText(zh, 'zh', { ...at, challenge: { ...challenge, questions: { en: 'Which?' } } })).toBe('Which?');
  expect(questionText(en, 'en', { ...at, challenge: null, canPrepare: false, state: 'upcoming' })).toContain(
    '4 minutes',
  );
  expect(questionText(zh, 'zh', { ...at, isWork: true, progress: 0.5, challenge: null })).toContain('50%');
});

test('every text is there in both languages, and no Chinese one was left in English', () => {
  const texts = (words: object): [string, unknown][] =>
    Object.entries(words).flatMap(([key, value]) =>
      typeof value === 'object'
        ? texts(value).map(([name, text]): [string, unknown] => [`${key}.${name}`, text])
        : [[key, value]],
    );
  expect(texts(zh).map(([name]) => name)).toEqual(texts(en).map(([name]) => name));
  for (const [name, text] of texts(zh)) {
    if (typeof text === 'string' && name !== 'locale') expect(text, name).toMatch(/\p{Script=Han}/u);
  }
});
