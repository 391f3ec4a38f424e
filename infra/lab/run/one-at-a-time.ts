import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, inject } from 'vitest';
import { poll } from '../poll.ts';
import '../servers/stack-under-test.ts';

/**
 * Setup file of the lane `alone`: of its files one runs at a time, from its first line to its last hook, although other
 * lanes run beside it. The lock is a file that holds the pid of the worker; a worker that is gone holds nothing.
 */
const lock = join(inject('stack').dir, 'alone.lock');
const hourMs = 3_600_000;

const take = (): boolean => {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    const holder = Number(readFileSync(lock, 'utf8'));
    if (holder > 0 && !isAlive(holder)) rmSync(lock, { force: true });
    return false;
  }
};
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

await poll('the files of the lane alone that came before', take, hourMs, 50);
// Hooks run the other way round: the first that is named here is the last of the file.
afterAll(() => rmSync(lock, { force: true }));
