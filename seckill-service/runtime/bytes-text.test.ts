import { expect, test } from 'vitest';
import { bytesText } from './bytes-text.ts';

test('bytes are two digits with the unit that makes them short', () => {
  expect([0, 999, 1234, 35_400_000, 7e9, 2e12].map(bytesText)).toEqual([
    '0 B',
    '999 B',
    '1.2 kB',
    '35 MB',
    '7.0 GB',
    '2000 GB',
  ]);
});
