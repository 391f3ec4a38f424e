import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DeadlineError, withDeadline } from './deadline.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('work that settles in time is passed on as it is, and leaves no timer behind', async () => {
  expect(await withDeadline(Promise.resolve(7), 1000, 'the sum')).toBe(7);
  const fault = new Error('no');
  await expect(withDeadline(Promise.reject(fault), 1000, 'the sum')).rejects.toBe(fault);
  expect(vi.getTimerCount()).toBe(0);
});

test('work that does not settle in time is given up, by its name', async () => {
  const late = withDeadline(new Promise(() => {}), 1000, 'the sum');
  const rejected = expect(late).rejects.toThrow(new DeadlineError('the sum took longer than 1000 ms'));
  await vi.advanceTimersByTimeAsync(1000);
  await rejected;
  await expect(late).rejects.toBeInstanceOf(DeadlineError);
});
