import type { z } from 'zod';
import { FileProblem } from './files/regular-file.ts';
import { readTextFileSync } from './files/text-file.ts';

/** Configuration that cannot be used; every problem at once. Exit code 78 (EX_CONFIG, sysexits.h). */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`configuration:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

type Known = Record<string, z.ZodType>;
type Values<S extends Known, N extends keyof S> = { readonly [K in N]: z.output<S[K]> };

/**
 * Reads `names` out of `environment` by the schemas of `known`. A name with a known twin `<name>_FILE` may be given by
 * that file instead (mounted secrets), read once; a caller who asks for both names means to follow the file itself.
 * Throws {@link ConfigError} with every problem: a missing or wrong value, a file that cannot be read, and any name with
 * `prefix` that nobody knows (a misspelling must not be ignored). No problem repeats a value: it may be a secret.
 */
export function readConfig<S extends Known, N extends keyof S & string>(
  known: S,
  names: readonly N[],
  environment: Record<string, string | undefined>,
  prefix = 'SECKILL_',
): Values<S, N> {
  const problems = Object.keys(environment)
    .filter((name) => name.startsWith(prefix) && !(name in known))
    .map((name) => `${name} is not a setting${suggestion(name, Object.keys(known))}`);
  const values: Partial<Record<N, unknown>> = {};
  const asked: ReadonlySet<string> = new Set(names);
  for (const name of names) {
    const twin = `${name}_FILE`;
    const hasTwin = twin in known && !asked.has(twin);
    const given = hasTwin ? valueOrFile(name, twin, environment) : { from: name, text: environment[name] };
    if ('problem' in given) {
      problems.push(given.problem);
      continue;
    }
    const result = known[name]?.safeParse(given.text);
    if (result?.success) values[name] = result.data;
    else if (given.text === undefined) problems.push(`${name} is not set${hasTwin ? ` (nor ${twin})` : ''}`);
    else problems.push(...(result?.error.issues ?? []).map((issue) => `${given.from} ${issue.message}`));
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(values) as Values<S, N>; // each name was parsed by its own schema above
}

/** What both return. Throws one {@link ConfigError} with the problems of both, none twice: they are corrected in one go. */
export function readTogether<A, B>(one: () => A, other: () => B): [A, B] {
  const problems: string[] = [];
  const outcomes = [one, other].map((read) => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
      return undefined;
    }
  });
  if (problems.length > 0) throw new ConfigError([...new Set(problems)]);
  return outcomes as [A, B]; // neither threw
}

type Given = { from: string; text: string | undefined } | { problem: string };

/** The value itself, or the text of its file without the white space around it. */
function valueOrFile(name: string, twin: string, environment: Record<string, string | undefined>): Given {
  const [value, file] = [environment[name], environment[twin]];
  if (file === undefined) return { from: name, text: value };
  if (value !== undefined) return { problem: `${name} and ${twin} are both set: leave one of them out` };
  if (!file.startsWith('/')) return { problem: `${twin} must be an absolute path` };
  try {
    const text = readTextFileSync(file).trim();
    return text === '' ? { problem: `${twin}, ${file}: the file is empty` } : { from: `${twin}, ${file}:`, text };
  } catch (error) {
    if (error instanceof FileProblem) return { problem: `${twin}, ${file}: the file ${error.message}` };
    return { problem: `${twin} cannot be read: ${whyUnreadable(error)}` };
  }
}

/** What hinders reading a file. A file that others may read and this user may not is mended by its owner, so the user is named. */
export function whyUnreadable(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isDenied = Reflect.get(error, 'code') === 'EACCES';
  const [uid, gid] = [process.getuid?.(), process.getgid?.()];
  return isDenied ? `${error.message} (as uid ${uid}, gid ${gid}: let this user or group read it)` : error.message;
}

/** `; did you mean X?` for the known name with the longest common beginning, when it is more than the prefix. */
function suggestion(name: string, known: readonly string[]): string {
  const common = (other: string) => {
    let length = 0;
    while (length < name.length && name[length] === other[length]) length += 1;
    return length;
  };
  const [best] = [...known].sort((a, b) => common(b) - common(a));
  return best !== undefined && common(best) > 10 ? `; did you mean ${best}?` : '; remove it or correct its name';
}
