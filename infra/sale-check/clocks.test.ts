import { expect, test } from 'vitest';
import { judgeClocks } from './clocks.ts';

const stock = { clock: 'stock Redis', aheadMs: 5, sureWithinMs: 2 };
const judge = (aheadMs: number, sureWithinMs: number) =>
  judgeClocks(stock, [{ clock: 'edge', aheadMs, sureWithinMs }]).map(({ verdict, says }) => [verdict, says]);

test('a clock a second apart blocks, a fifth of a second is a warning; the direction is told', () => {
  expect(judge(105, 10)).toEqual([['pass', expect.stringContaining('agree')]]);
  expect(judge(505, 10)).toEqual([['warn', 'edge is 500 ms ahead of stock Redis']]);
  expect(judge(-2000, 10)).toEqual([['fail', 'edge is 2005 ms behind stock Redis']]);
});

test('what the question itself took is no difference: a slow answer accuses nobody', () => {
  expect(judge(1500, 1600)).toEqual([['pass', expect.anything()]]);
});
