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
