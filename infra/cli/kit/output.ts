import { type Bar, createBar, waitingFor } from './progress.ts';

/** Where results go: text for people, one JSON document for machines. Progress goes to stderr. */
export type Output = {
  result: (value: unknown, text: string) => void;
  progress: (text: string) => void;
  /** A bar of so many steps, on a terminal. */
  bar: (label: string, total: number) => Bar;
  /** Waits, and says on a terminal for what. */
  during: <T>(label: string, work: Promise<T>) => Promise<T>;
};

export function createOutput(json: boolean): Output {
  return {
    result: (value, text) => process.stdout.write(json ? `${JSON.stringify(value)}\n` : `${text}\n`),
    progress: (text) => process.stderr.write(`${text}\n`),
    bar: (label, total) => createBar({ label, total, isQuiet: json }),
    during: (label, work) => waitingFor(label, work, { isQuiet: json }),
  };
}

/**
 * For a command that supervises and stops in order on SIGTERM: a full disk under its output costs lines and not the stack; when
 * its reader is gone (EPIPE), it stops in order.
 */
export function surviveLostOutput(): void {
  let isStopping = false;
  const onError = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' || isStopping) return;
    isStopping = true;
    process.kill(process.pid, 'SIGTERM');
  };
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners('error');
    stream.on('error', onError);
  }
}
