import type { z } from 'zod';

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
 * Reads `names` out of `environment` by the schemas of `known`. Throws {@link ConfigError} with every problem:
 * a missing or wrong value, and any name with `prefix` that nobody knows (a misspelling must not be ignored).
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
  for (const name of names) {
    const schema = known[name];
    const result = schema?.safeParse(environment[name]);
    if (result?.success) values[name] = result.data;
    else if (environment[name] === undefined) problems.push(`${name} is not set`);
    else problems.push(...(result?.error.issues ?? []).map((issue) => `${name} ${issue.message}`));
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(values) as Values<S, N>; // each name was parsed by its own schema above
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
