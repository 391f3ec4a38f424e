import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What every name begins with; the pid follows, so that the next run knows what a killed one left. */
export const temporaryPrefix = 'seckill-test-';

const made = new Set<string>();
const neededMiB = 16;

/**
 * An empty directory, `<tmpdir>/seckill-test-<pid>-<name>-<random>`. It is removed when the test file is through (clean-up.ts),
 * outside of vitest when the process ends, and by the next run where the process was killed. Throws when the disk is full.
 */
export function temporaryDirectory(name: string, parent = tmpdir()): string {
  demandRoom(parent, neededMiB);
  if (made.size === 0) process.once('exit', removeTemporaryDirectories);
  const dir = mkdtempSync(join(parent, `${temporaryPrefix}${process.pid}-${name}-`));
  made.add(dir);
  return dir;
}

/** Removes what this process has made so far. */
export function removeTemporaryDirectories(): void {
  process.off('exit', removeTemporaryDirectories);
  for (const dir of made) rmSync(dir, { recursive: true, force: true, maxRetries: 2 });
  made.clear();
}

/** A full disk shows itself in a hundred ways in the middle of a run; so it is said before. */
export function demandRoom(dir: string, mebibytes: number): void {
  const { bavail, bsize } = statfsSync(dir);
  const free = Math.floor((bavail * bsize) / 2 ** 20);
  if (free >= mebibytes) return;
  const mend = 'free some room on that disk, or set TMPDIR to a directory that has it';
  throw new Error(`the tests need ${mebibytes} MiB in ${dir}, ${free} MiB are free: ${mend}`);
}
