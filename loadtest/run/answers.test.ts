import { expect, test } from 'vitest';
import { Answers } from './answers.ts';

test('every answer of a line is counted under its second, route and outcome', () => {
  const answers = new Answers();
  answers.take('start 1000500');
  answers.take('buy,ACCEPTED,1001,12.5;buy,SOLD_OUT,1001,0.4;sale,200,1002,0.3');
  answers.take('buy,SOLD_OUT,1001,0.6');
  expect(answers.startedAtMs).toBe(1000500);
  expect(answers.total).toBe(4);
  const buy = answers.seconds.get(1001)?.get('buy');
  expect(Object.fromEntries(buy?.outcomes ?? [])).toEqual({ ACCEPTED: 1, SOLD_OUT: 2 });
  expect(buy?.ms).toEqual([12.5, 0.4, 0.6]);
});

test('a ticket is handed on; a shopper who asked for one and has none is counted by the reason', () => {
  const handed: string[] = [];
  const answers = new Answers((line) => handed.push(line));
  answers.take('challenge,200,1001,1.5;ticket,201,1001,2.5;got,7,v1.k1.99.order.user.sig,5');
  answers.take('challenge,RATE_LIMITED,1001,0.4;missed,challenge,RATE_LIMITED,0');
  answers.take('missed,press,NO_TICKET,0');
  expect(handed).toEqual(['7 v1.k1.99.order.user.sig']);
  expect(answers.tickets).toEqual({ waysMs: [5], missed: new Map([['challenge RATE_LIMITED', 1]]) });
  expect([answers.total, answers.emptyHanded]).toEqual([3, 1]);
});

test('broken promises are counted, and the first of them kept', () => {
  const answers = new Answers();
  for (let number = 0; number < 30; number += 1) answers.take(`broken number ${number}`);
  expect(answers.brokenCount).toBe(30);
  expect(answers.broken).toHaveLength(20);
});

test('a line that the scripts do not write is refused', () => {
  expect(() => new Answers().take('what is this')).toThrow('no answer');
});
