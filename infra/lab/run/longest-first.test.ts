import { expect, test } from 'vitest';
import { spread } from './longest-first.ts';

const file = (name: string, seconds: number) => ({ file: name, seconds, isAlone: name.startsWith('alone') });
const order = (...files: ReturnType<typeof file>[]) => spread(files).map(({ file: name }) => name);

test('files that wait for each other are spread, so that the other worker has something else meanwhile', () => {
  const alone = [file('alone-1', 20), file('alone-2', 10), file('alone-3', 10)];
  const others = [file('part-1', 15), file('part-2', 10), file('part-3', 5), file('part-4', 5)];
  expect(order(...alone, ...others)).toEqual([
    ...['alone-1', 'part-1', 'part-2', 'alone-2', 'part-3', 'alone-3', 'part-4'],
  ]);
});

test('without such files the longest come first, as they were sorted', () => {
  expect(order(file('a', 9), file('b', 5), file('c', 1))).toEqual(['a', 'b', 'c']);
});
