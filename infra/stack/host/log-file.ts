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
    const start = Math.max(from > size ? 0 : from, size - tailBytes, 0); // smaller: it was put aside meanwhile
    const buffer = Buffer.alloc(Math.max(0, size - start));
    const length = readSync(fd, buffer, 0, buffer.length, start);
    const text = buffer.toString('utf8', 0, length).trimEnd();
    return text === '' ? [] : text.split('\n').slice(-lines);
  } catch {
    return []; // a disk that is ill: what is read for people ends no supervisor
  } finally {
    closeSync(fd);
  }
}

/** Starts a new log file when the old one has grown large; one old one is kept. Only while nobody writes to it. */
export function rotateLog(path: string): void {
  if (logSize(path) > rotateBytes) renameSync(path, `${path}.1`);
}

/** Lines that say nothing by themselves: what Node, Java and Redis print around the one that does. */
const noise = [
  /^\s*$/,
  /^Node\.js v\d/, // Node's last word about a crash
  /^\s+(at |\.\.\. \d+ more)/, // frames of a stack
  /^\s*[\]{}^~]+,?\s*$/,
  /^\s+\w+: .*,?$/, // properties of an error that Node shows under its stack
  /^Emitted 'error' event on /,
  /^node:[\w/]+:\d+$/,
  /Exiting JVM with code \d+$/, // ZooKeeper's last word
  /\bLOG: {2}(database system is shut down|aborting startup|startup process|shutting down)/, // PostgreSQL's
  /^(.*\] )?(HINT|DETAIL|CONTEXT|STATEMENT): /, // of its message above
  /^nginx: configuration file .* test failed$/,
];

/**
 * The line of a log's end that says why, or null when there is none: the head of the last stack trace when the log ends in
 * one, else the last line that is no noise. A line of our own JSON logs is shown as its message and error.
 */
export function tellingLine(lines: readonly string[]): string | null {
  const frame = lines.findLastIndex((line) => /^\s+at /.test(line));
  const isCrash = frame !== -1 && lines.slice(frame).every((line) => noise.some((pattern) => pattern.test(line)));
  const end = isCrash ? lines.slice(0, frame) : lines;
  const line = end.findLast((each) => !noise.some((pattern) => pattern.test(each)));
  return line === undefined ? null : plain(line.trim());
}

function plain(line: string): string {
  if (!line.startsWith('{')) return line;
  try {
    const { msg, err } = JSON.parse(line) as { msg?: unknown; err?: { message?: unknown } };
    const parts = [msg, err?.message].filter((part) => typeof part === 'string' && part !== '');
    return parts.length === 0 ? line : parts.join(': ');
  } catch {
    return line; // no JSON after all
  }
}
