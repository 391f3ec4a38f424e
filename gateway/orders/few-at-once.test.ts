import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createFewAtOnce } from './few-at-once.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** Tasks that end when they are told to. */
function bench(limits: Parameters<typeof createFewAtOnce>[0]) {
  const run = createFewAtOnce(limits);
  const ends: ((error?: Error) => void)[] = [];
  const start = () =>
    run(
      () =>
        new Promise<number>((resolve, reject) => ends.push((error) => (error ? reject(error) : resolve(ends.length)))),
    ).then(
      ({ kind }) => kind,
      (error: Error) => error.message,
    );
  return { start, ends, settled: () => vi.advanceTimersByTimeAsync(0) };
}

test('never more are under way than allowed; the rest wait in line, and who finds the line full hears so at once', async () => {
  const { start, ends, settled } = bench({ underWay: 2, waiting: 3, waitMs: 1000 });
  const outcomes = Array.from({ length: 7 }, start);
  await settled();
  expect(ends).toHaveLength(2);
  expect(await Promise.all(outcomes.slice(5))).toEqual(['busy', 'busy']);
  for (let at = 0; at < 5; at += 1) {
    ends[at]?.();
    await settled();
    expect(ends).toHaveLength(Math.min(5, at + 3));
  }
  expect(await Promise.all(outcomes.slice(0, 5))).toEqual(Array.from({ length: 5 }, () => 'done'));
});

test('who waits too long hears so, is not asked for after it, and a task that fails gives its turn on', async () => {
  const { start, ends, settled } = bench({ underWay: 1, waiting: 3, waitMs: 1000 });
  const [first, late] = [start(), start()];
  await vi.advanceTimersByTimeAsync(999);
  const next = start();
  await vi.advanceTimersByTimeAsync(1);
  expect(await late).toBe('busy');
  ends[0]?.(new Error('no database'));
  expect(await first).toBe('no database');
  await settled();
  ends[1]?.();
  expect(await next).toBe('done');
  const again = start();
  await settled();
  ends[2]?.();
  expect(await again).toBe('done');
});
