import { ConfigError, whyUnreadable } from './config.ts';
import { FileProblem } from './files/regular-file.ts';
import { readTextFile } from './files/text-file.ts';
import { createThrottledWarn, type Logger } from './logger.ts';

/** A value that may change while the process runs. */
export type Followed<T> = {
  get: () => T;
  /** Called after each change, with the new value. */
  onChange: (listener: (value: T) => void) => void;
  close: () => void;
};

/**
 * A setting that is given either as a value, which stays, or as a file, which is read again twice a second and taken
 * over when its text has changed. Reading beats watching: mounted secrets are swapped by links, and not every file
 * system tells. A text that cannot be used is logged, never shown, and the last good one stays in force.
 * Throws {@link ConfigError} when there is neither or both, or when the file cannot be used at the start.
 */
export async function followSetting<T>(options: {
  name: string;
  value: T | undefined;
  file: string | undefined;
  parse: (text: string) => T;
  logger: Logger;
  everyMs?: number;
}): Promise<Followed<T>> {
  const { name, value, file, parse, logger, everyMs = 500 } = options;
  if (value !== undefined && file === undefined) return { get: () => value, onChange: () => {}, close: () => {} };
  if (file === undefined) throw new ConfigError([`${name}_FILE is not set (nor ${name})`]);
  if (value !== undefined) throw new ConfigError([`${name} and ${name}_FILE are both set: leave one of them out`]);

  const warn = createThrottledWarn(logger, 10_000);
  const listeners: ((value: T) => void)[] = [];
  let text = await readFirst(name, file);
  let current = parseFirst(`${name}_FILE, ${file}`, text, parse);

  async function look(path: string): Promise<void> {
    const next = await readTextFile(path);
    if (next === text) return;
    current = parse(next);
    text = next;
    for (const listener of listeners) listener(current);
  }
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    look(file)
      .catch((error: unknown) => warn(error, `${name}_FILE cannot be used; the last good text stays in force`))
      .finally(() => {
        looking = false;
      });
  }, everyMs);
  timer.unref();

  return { get: () => current, onChange: (listener) => listeners.push(listener), close: () => clearInterval(timer) };
}

async function readFirst(name: string, file: string): Promise<string> {
  try {
    return await readTextFile(file);
  } catch (error) {
    if (error instanceof FileProblem) throw new ConfigError([`${name}_FILE, ${file}: the file ${error.message}`]);
    throw new ConfigError([`${name}_FILE cannot be read: ${whyUnreadable(error)}`]);
  }
}

function parseFirst<T>(where: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (error) {
    throw new ConfigError([`${where}: ${messageOf(error)}`]);
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
