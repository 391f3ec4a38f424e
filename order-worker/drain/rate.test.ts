import { expect, test } from 'vitest';
import { toLimiter } from './rate.ts';

test.each([1, 3, 7, 10, 99, 500, 800, 12_345, 1_000_000])(
  '%i orders a second become slices that add up to it',
  (rate) => {
    const { max, duration } = toLimiter(rate);
    expect(Number.isInteger(max) && Number.isInteger(duration)).toBe(true);
    expect(Math.abs((max * 1000) / duration - rate) / rate).toBeLessThan(0.01);
  },
);
