import { expect, test } from 'vitest';
import { readHeader } from './script-header.ts';

const whole = `-- x: does
-- Keeps: I1
-- KEYS[1...9] what another takes
-- KEYS[10] bucket
-- ARGV[1] prefix
-- ARGV[2...] ids
-- Returns {1, count, ...} DONE
-- Returns -1 UNKNOWN
-- Cost: 1 command.
`;

test('a header is read as purpose, invariant, keys, arguments, replies and cost', () => {
  const header = readHeader('x', whole);
  expect(header).toEqual({
    purpose: 'does',
    keeps: 'I1',
    keys: [
      { from: 1, to: 9, name: 'what' },
      { from: 10, to: 10, name: 'bucket' },
    ],
    args: [
      { from: 1, to: 1, name: 'prefix' },
      { from: 2, to: Number.POSITIVE_INFINITY, name: 'ids' },
    ],
    replies: [
      { code: 1, name: 'DONE' },
      { code: -1, name: 'UNKNOWN' },
    ],
    cost: '1 command.',
  });
});

test('a header without a part is refused by name', () => {
  const without = (pattern: RegExp) => () => readHeader('x', whole.replace(pattern, ''));
  expect(without(/-- Keeps.*\n/)).toThrow('x.lua: its header has no "Keeps:" line');
  expect(without(/-- x: .*\n/)).toThrow('x.lua: its header has no "x:" line');
  expect(without(/-- Cost.*\n/)).toThrow('x.lua: its header has no "Cost:" line');
  expect(without(/-- Returns.*\n/g)).toThrow('x.lua: its header names no reply');
  expect(without(/-- KEYS.*\n/g)).toThrow('x.lua: its header names no KEYS');
  expect(without(/-- KEYS\[1\.\.\.9\].*\n/)).toThrow('KEYS are not numbered in order');
  expect(without(/-- ARGV\[1\].*\n/)).toThrow('ARGV are not numbered in order');
});
