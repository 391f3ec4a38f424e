import { renameSync } from 'node:fs';
import { logSize } from './log-file.ts';

/** A log that a process writes by itself, and the signal by which it opens the file anew. */
export type GrowingLog = { file: string; reopenBy: NodeJS.Signals };

const mostBytes = 50_000_000;

/**
 * Puts a log aside that has grown large, while its process goes on writing; one old one is kept. False when there was
 * nothing to do. What is written in between goes into the old one: nothing is lost.
 */
export function rotateGrowing({ file, reopenBy }: GrowingLog, pid: number, overBytes = mostBytes): boolean {
  if (logSize(file) <= overBytes) return false;
  renameSync(file, `${file}.1`);
  process.kill(pid, reopenBy);
  return true;
}
