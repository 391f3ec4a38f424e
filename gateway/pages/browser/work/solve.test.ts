import { expect, test } from 'vitest';
import { isWorkDone } from '../../../tickets/proof-of-work.ts';
import { solveRound } from './solve.ts';

test('what the browser finds is what the gateway asks for', () => {
  const task = { challengeId: 'tea.p-4-8.abcdefgh.xxxxxxxx.sig', userId: '张三 "{a}:b', work: { rounds: 4, bits: 8 } };
  const answer = Array.from({ length: 4 }, (_, round) => solveRound(task, round)).join(',');
  expect(isWorkDone(task.work, task.challengeId, task.userId, answer)).toBe(true);
  expect(isWorkDone({ rounds: 4, bits: 32 }, task.challengeId, task.userId, answer)).toBe(false);
});
