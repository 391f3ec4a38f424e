import { renameSync } from 'node:fs';
import { copyFile, truncate } from 'node:fs/promises';
import { logSize } from './log-file.ts';

/** A log that a process writes by itself, and the signal by which it opens the file anew. */
export type GrowingLog = { file: string; reopenBy: NodeJS.Signals };

const maxBytes = 50_000_000;

/**
 * Puts a log aside that has grown large, while its process goes on writing; one old one is kept. False when there was
 * nothing to do. What is written in between goes into the old one: nothing is lost.
 */
export function rotateGrowing({ file, reopenBy }: GrowingLog, pid: number, overBytes = maxBytes): boolean {
  if (logSize(file) <= overBytes) return false;
  renameSync(file, `${file}.1`);
  process.kill(pid, reopenBy);
  return true;
}

/**
 * Puts aside a log that a process has open and cannot open anew: a copy is kept, one, and the file begins again. Every
 * writer appends, so it goes on at the new end. What is written between the two steps is lost. False when there was
 * nothing to do; on a disk without room for the copy it throws, and the log stays.
 */
export async function emptyGrowing(file: string, overBytes = maxBytes): Promise<boolean> {
  if (logSize(file) <= overBytes) return false;
  await copyFile(file, `${file}.1`);
  await truncate(file, 0);
  return true;
}
