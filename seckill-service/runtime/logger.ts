import { type Logger, pino } from 'pino';

export type { Logger };

/** Lines that wait for room on a full disk, in bytes; later ones are counted instead. */
const maxWaitingBytes = 1_000_000;
const retryMs = 100;

/** What JSON leaves as it is and a terminal may obey: DEL, C1, line ends of Unicode, and marks that turn the direction. */
const obeyed = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** The same JSON, with those escaped: a line may hold what a stranger sent, and is read in a terminal. */
function printable(line: string): string {
  return line.replace(obeyed, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * JSON lines on stdout, one logger a process; `instance` is on every line. A stdout that takes nothing (its disk is full)
 * does not end the process: lines wait for room, up to 1 MB, and how many were lost beyond that is logged afterwards.
 */
export function createLogger(options: { service: string; instance: string; level: string }): Logger {
  const stdout = pino.destination({ dest: 1, sync: true, maxLength: maxWaitingBytes });
  const logger = pino(
    {
      level: options.level,
      hooks: { streamWrite: printable },
      base: { service: options.service, instance: options.instance },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stdout,
  );
  let lost = 0;
  let triedAt = 0;
  stdout.on('error', () => undefined); // without a listener it would end the process; the next line tries again
  stdout.flushSync = () => undefined; // what could be written is: the original tries for ever on a full disk, and stands still
  stdout.on('drop', () => {
    lost += 1;
    // A line that is dropped is no try to write what waits.
    const now = performance.now();
    if (now - triedAt < retryMs) return;
    triedAt = now;
    stdout.write('');
  });
  stdout.on('drain', () => {
    if (lost === 0) return;
    const lines = lost;
    lost = 0;
    logger.warn({ lines }, 'log lines were lost: nothing could be written');
  });
  return logger;
}

/**
 * A log call that lets one line through per `everyMs` and counts the rest: a broken link makes thousands of the same
 * error a second, and the log must not become the next thing that fails. `fields` stand beside the error.
 */
export function createThrottledWarn(
  logger: Logger,
  everyMs = 1000,
): (error: unknown, message: string, fields?: Readonly<Record<string, unknown>>) => void {
  const last = new Map<string, { at: number; suppressed: number }>();
  return (error, message, fields) => {
    const now = Date.now();
    const entry = last.get(message);
    if (entry !== undefined && now - entry.at < everyMs) {
      entry.suppressed += 1;
      return;
    }
    logger.warn({ ...fields, err: error, suppressed: entry?.suppressed ?? 0 }, message);
    last.set(message, { at: now, suppressed: 0 });
  };
}
