import { expect, test } from 'vitest';
import { createWrongAnswers } from './wrong-answers.ts';

test('a challenge takes 5 wrong answers, a user 20 within 5 minutes; then the next is not looked at', () => {
  const wrong = createWrongAnswers();
  const tries = (challengeId: string, times: number, atMs = 0) => {
    for (let n = 0; n < times; n += 1) wrong.count('ada', challengeId, atMs);
  };
  tries('one', 4);
  expect(wrong.tooMany('ada', 'one', 1000)).toBeNull();
  tries('one', 1);
  expect(wrong.tooMany('ada', 'one', 1000)).toEqual({ of: 'challenge', waitMs: 1000 });
  expect(wrong.tooMany('ada', 'two', 1000)).toBeNull();
  for (const challengeId of ['two', 'three', 'four']) tries(challengeId, 5, 1000);
  expect(wrong.tooMany('ada', 'five', 2000)).toEqual({ of: 'user', waitMs: 298_000 });
  expect(wrong.tooMany('bob', 'five', 2000)).toBeNull();
  expect(wrong.tooMany('ada', 'five', 300_000)).toBeNull();
  tries('five', 1, 300_000);
  expect(wrong.tooMany('ada', 'five', 300_000)).toBeNull();
});

test('what it remembers is bounded: the oldest goes first', () => {
  const wrong = createWrongAnswers();
  for (let n = 0; n < 5; n += 1) wrong.count('ada', 'first', 0);
  for (let n = 1; n < 50_000; n += 1) wrong.count(`user-${n}`, `challenge-${n}`, 0);
  expect(wrong.tooMany('ada', 'first', 0)).not.toBeNull();
  wrong.count('one more', 'one more', 0);
  expect(wrong.tooMany('ada', 'first', 0)).toBeNull();
});
