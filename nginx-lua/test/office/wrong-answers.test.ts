import { expect, test } from 'vitest';
import { createWrongAnswers } from '#gateway/tickets/wrong-answers.ts';
import { runLua } from '#lab/kits/lua/run-lua.ts';
import { createRandom } from '#lab/random.ts';

/** `wait`: whole seconds, 0 when the answer may be judged. */
type Told = { of: 'challenge' | 'user' | 'none'; wait: number };
/** `at`: whole seconds since the start. */
type Answer = { at: number; user: string; challenge: string };

/** Wrong answers, each asked about first; one that may not be judged does not count. */
function byEdge(answers: readonly Answer[]): Told[] {
  return runLua(
    `local wrong, start, told = require('seckill.office.wrong_answers'), clock.seconds, {}
     for i, answer in ipairs(input) do
       clock.seconds = start + answer.at
       local words, wait = wrong.too_many(answer.user, answer.challenge)
       told[i] = { of = not words and 'none' or words:find('this challenge') and 'challenge' or 'user', wait = wait or 0 }
       if not words then wrong.count(answer.user, answer.challenge) end
     end
     return told`,
    answers,
  ) as Told[];
}

function byGateway(answers: readonly Answer[]): Told[] {
  const wrong = createWrongAnswers();
  return answers.map(({ at, user, challenge }) => {
    const tooMany = wrong.tooMany(user, challenge, at * 1000);
    if (tooMany === null) wrong.count(user, challenge, at * 1000);
    return { of: tooMany?.of ?? 'none', wait: Math.ceil((tooMany?.waitMs ?? 0) / 1000) };
  });
}

test('the edge limits wrong answers as the gateway does: 3,000 of 6 users, over four hours', () => {
  const { int, chance } = createRandom(16);
  let at = 0;
  const answers = Array.from({ length: 3000 }, () => {
    at += chance(0.02) ? int(60, 400) : int(0, 1);
    const user = `user-${int(1, 6)}`;
    return { at, user, challenge: `tea.n.${user}.${int(1, 6)}` };
  });
  const told = byEdge(answers);
  expect(told).toEqual(byGateway(answers));
  for (const of of ['none', 'challenge', 'user']) expect(told.filter((it) => it.of === of).length).toBeGreaterThan(100);
});

test('a challenge keeps its limit when the window of its user has ended', () => {
  const wrong = (at: number, challenge: string): Answer => ({ at, user: 'ada', challenge });
  const five = Array.from({ length: 5 }, () => wrong(290, 'tea.n.1'));
  const answers = [wrong(0, 'tea.n.0'), ...five, wrong(301, 'tea.n.1'), wrong(589, 'tea.n.1'), wrong(591, 'tea.n.1')];
  expect(byEdge(answers).map(({ of }) => of)).toEqual([
    ...Array(6).fill('none'),
    ...['challenge', 'challenge', 'none'],
  ]);
  expect(byEdge(answers)).toEqual(byGateway(answers));
});
