import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../temporary-directory.ts';
import { releaseLock, takeLock } from './lock-file.ts';

const lock = () => join(temporaryDirectory('lock'), 'alone.lock');

test('a lock is had by one, and by the next when it is released', () => {
  const file = lock();
  expect([takeLock(file), takeLock(file)]).toEqual([true, false]);
  releaseLock(file);
  expect(takeLock(file)).toBe(true);
});

test('the lock of a process that was killed is taken away, that of one that lives is not', () => {
  const [stale, held] = [lock(), lock()];
  writeFileSync(stale, String(spawnSync(process.execPath, ['--version']).pid));
  writeFileSync(held, String(process.ppid));
  expect([takeLock(stale), takeLock(stale)]).toEqual([false, true]);
  expect([takeLock(held), takeLock(held)]).toEqual([false, false]);
});

test('a lock in a directory that is gone is an error and not a wait without end', () => {
  expect(() => takeLock('/nowhere/alone.lock')).toThrow('ENOENT');
});
