import { expect, test } from 'vitest';
import { faultOf } from '#stock/fault.ts';
import { errorText } from './error-text.ts';

test('a stock Redis that does not answer: says whether anything was done, and what stops a sale without it', () => {
  const hangs = errorText(faultOf(new Error('Command timed out')));
  expect(hangs).toContain('Command timed out');
  expect(hangs).toContain('it may have done what it was asked for, or not');
  expect(hangs).toContain('seckill edge maintenance on');
  expect(errorText(faultOf(new Error("Stream isn't writeable")))).toContain('nothing was done');
  expect(errorText(new Error('as it is'))).toBe('as it is');
});

test('a database that is older than the program: says what brings it there', () => {
  const missing = Object.assign(new Error('relation "replays" does not exist'), { code: '42P01' });
  expect(errorText(missing)).toBe(
    'relation "replays" does not exist. The schema of the database is older than this program: run "seckill migrate"',
  );
});
