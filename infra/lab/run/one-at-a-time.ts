import { join } from 'node:path';
import { aroundAll, inject } from 'vitest';
import { poll } from '../poll.ts';
import { releaseLock, takeLock } from './lock-file.ts';
import '../servers/stack-under-test.ts';

/**
 * Setup file of the lane `alone`: of its files one runs at a time, from its first line to its last hook, although other
 * lanes run beside it.
 */
const lock = join(inject('stack').dir, 'alone.lock');
const hourMs = 3_600_000;

await poll('the files of the lane alone that came before', () => takeLock(lock), hourMs, 50);
// Around everything: fixtures close after the last afterAll, and what they put back belongs to the file.
aroundAll(async (runFile) => {
  try {
    await runFile();
  } finally {
    releaseLock(lock);
  }
});
