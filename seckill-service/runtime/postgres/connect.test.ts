import { expect, test } from 'vitest';
import { isDatabaseOutage } from './connect.ts';

test.each([
  ['57P01', true],
  ['08006', true],
  ['53300', true],
  ['40001', true],
  ['ECONNRESET', true],
  ['28P01', true],
  ['42P01', true],
  ['58030', true],
  ['23514', false],
  ['23505', false],
  ['22P02', false],
])('SQLSTATE %s is an outage: %s', (code, outage) => {
  expect(isDatabaseOutage(Object.assign(new Error(code), { code }))).toBe(outage);
});
