import { closeSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs';

const tailBytes = 16_384;
const rotateBytes = 20_000_000;

export function logSize(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** The last `lines` lines that were written after the byte `from`. */
export function logTail(path: string, from: number, lines: number): string[] {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return [];
  }
  try {
    const { size } = fstatSync(fd);
    const start = Math.max(from, size - tailBytes, 0);
    const buffer = Buffer.alloc(Math.max(0, size - start));
    const length = readSync(fd, buffer, 0, buffer.length, start);
    const text = buffer.toString('utf8', 0, length).trimEnd();
    return text === '' ? [] : text.split('\n').slice(-lines);
  } finally {
    closeSync(fd);
  }
}

/** Starts a new log file when the old one has grown large; one old one is kept. Only while nobody writes to it. */
export function rotateLog(path: string): void {
  if (logSize(path) > rotateBytes) renameSync(path, `${path}.1`);
}
