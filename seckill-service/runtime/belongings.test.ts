import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ClosingError, createBelongings } from './belongings.ts';
import { createLogger } from './logger.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Things that write down when they are closed. */
function things() {
  const closed: string[] = [];
  const thing = (name: string, close: () => unknown = () => undefined) => ({
    close: () => {
      closed.push(name);
      return close();
    },
  });
  return { closed, thing };
}

test('what was opened last is closed first, and each only when the one before is closed', async () => {
  const { closed, thing } = things();
  const { own, close } = createBelongings(logger);
  const slow = Promise.withResolvers<void>();
  const redis = own('redis', thing('redis'));
  expect(own('name', 'a name', (name) => closed.push(name))).toBe('a name');
  own(
    'server',
    thing('server', () => slow.promise),
  );
  expect(redis).toHaveProperty('close');
  const closing = close();
  await vi.advanceTimersByTimeAsync(1000);
  expect(closed).toEqual(['server']);
  slow.resolve();
  await closing;
  expect(closed).toEqual(['server', 'a name', 'redis']);
});

test('a close that throws, rejects or never ends is logged by its name, and the others are closed all the same', async () => {
  const { closed, thing } = things();
  const warn = vi.spyOn(logger, 'warn');
  const { own, close } = createBelongings(logger, 5000);
  own('first', thing('first'));
  own(
    'never',
    thing('never', () => new Promise(() => {})),
  );
  own(
    'rejects',
    thing('rejects', () => Promise.reject(new Error('no'))),
  );
  own(
    'throws',
    thing('throws', () => {
      throw new Error('no');
    }),
  );
  const closing = close();
  await vi.advanceTimersByTimeAsync(5000);
  await closing;
  expect(closed).toEqual(['throws', 'rejects', 'never', 'first']);
  expect(warn.mock.calls.map(([fields]) => (fields as { part: string }).part)).toEqual(['throws', 'rejects', 'never']);
});

test('two calls close everything once', async () => {
  const { closed, thing } = things();
  const { own, close } = createBelongings(logger);
  own('redis', thing('redis'));
  await Promise.all([close(), close()]);
  await close();
  expect(closed).toEqual(['redis']);
});

test('what is opened while all is closed is closed at once, and its opener is told to stop', async () => {
  const { closed, thing } = things();
  const { own, close } = createBelongings(logger);
  own('redis', thing('redis'));
  const closing = close();
  expect(() => own('late', thing('late'))).toThrow(ClosingError);
  await closing;
  expect(closed.sort()).toEqual(['late', 'redis']);
});
