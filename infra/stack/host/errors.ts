import { accessSync, constants, existsSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * failed          something did not work; the message says what, and shows the log
 * configuration   the caller asked for what cannot be (a taken port, a missing program); the message says what to change
 * busy            another process starts or supervises this run directory
 */
export type StackErrorKind = 'failed' | 'configuration' | 'busy';

/** A failure of the stack, with a message for the person who started it. */
export class StackError extends Error {
  readonly kind: StackErrorKind;
  constructor(kind: StackErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** A server died before it was ready because somebody else has its port: worth another attempt with other ports. */
export class PortTakenError extends StackError {
  readonly processName: string;
  constructor(processName: string, message: string) {
    super('failed', message);
    this.processName = processName;
  }
}

export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Node wraps the failures of both address families in an AggregateError without a message.
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return error.message === '' ? code : error.message;
}

const writeProblems: Readonly<Record<string, string>> = {
  EROFS: 'it is on a read-only file system',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  ENOSPC: 'its disk is full',
  EDQUOT: "this user's share of its disk is used up",
  ENOTDIR: 'a part of its path is a file',
  EEXIST: 'a file has that name',
};

const writing = new Set(['open', 'mkdir', 'write', 'rename', 'access', 'symlink', 'unlink']);

/** The error of a run directory that cannot be written to, in words that say what to change; any other error as it is. */
export function withWriteProblem(error: unknown, dir: string): unknown {
  if (!(error instanceof Error) || !('code' in error) || error instanceof StackError) return error;
  if (!('syscall' in error) || !writing.has(String(error.syscall))) return error; // of a link or an owner, say
  // Where a folder cannot be made, Node's recursive mkdir says ENOENT for every reason.
  const code = error.code === 'ENOENT' ? whyNotWritable(dir) : String(error.code);
  const why = code === null ? undefined : writeProblems[code];
  if (why === undefined) return error;
  return new StackError(
    'configuration',
    `the run directory ${dir} cannot be used: ${why} (${error.message})\nchoose another one with --dir, for example: npm start -- --dir /tmp/seckill`,
  );
}

/** The error code of writing into the nearest folder above `path` that is there; null when it may be written to. */
function whyNotWritable(path: string): string | null {
  const parent = dirname(path);
  if (!existsSync(path) && parent !== path) return whyNotWritable(parent);
  try {
    accessSync(path, constants.W_OK);
    return null;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : null;
  }
}
