import { type Logger, pino } from 'pino';

export type { Logger };

/** JSON lines on stdout, one logger a process; `instance` is on every line. */
export function createLogger(options: { service: string; instance: string; level: string }): Logger {
  return pino({
    level: options.level,
    base: { service: options.service, instance: options.instance },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
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
