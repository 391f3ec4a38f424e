import { expect, test } from 'vitest';
import { judge } from './reporter.ts';

const took = (seconds: number, lane: string, name = `${lane} ${seconds}`) => ({ seconds, lane, name });

test('a test above 20 s is too slow for its lane, unless its lane is slow or chaos', () => {
  const { tooLong } = judge([took(20, 'parts'), took(20.1, 'whole', 'x > y'), took(300, 'slow'), took(40, 'chaos')]);
  expect(tooLong).toEqual(['x > y: took 20.1 s; in the lane whole a test may take 20 s']);
});

test('the 15 slowest are told, the slowest first', () => {
  const { lines } = judge(Array.from({ length: 30 }, (_, at) => took(at / 10, 'unit', `t${at}`)));
  expect(lines).toHaveLength(15);
  expect(lines[0]).toBe('   2.9 s  unit  t29');
});
