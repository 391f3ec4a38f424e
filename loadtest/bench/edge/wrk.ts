import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';

const run = promisify(execFile);
const script = join(import.meta.dirname, 'wrk.lua');

/** `tickets`, `bearers`: a file with one a line, sent in turn; a bearer's line may hold his body, after a tab. */
export type Shot = { method: 'GET' | 'POST'; path: string; body?: string; tickets?: string; bearers?: string };

const resultSchema = z.object({
  requests: z.number(),
  seconds: z.number(),
  /** Answers of 400 and above. */
  refusals: z.number(),
  errors: z.number(),
  p50Ms: z.number(),
  p99Ms: z.number(),
});
export type WrkResult = z.infer<typeof resultSchema>;

/** Throws a TypeError, which the bench tells as it is, when there is no wrk. */
export async function requireWrk(): Promise<void> {
  const problem = await run('wrk', ['-v']).then(
    () => null,
    (error: NodeJS.ErrnoException) => error.code, // -v itself exits with 1
  );
  if (problem !== 'ENOENT') return;
  throw new TypeError('wrk is not installed: run `bash infra/setup/setup.sh --bench` (Debian: apt-get install wrk)');
}

/** Sends `shot` over and over for so many seconds, on `core` where the machine lets us choose. Throws on a lost answer. */
export async function runWrk(
  url: string,
  shot: Shot,
  options: { seconds: number; connections: number; core: number | null },
): Promise<WrkResult> {
  const args = ['-t1', `-c${options.connections}`, `-d${options.seconds}s`, '-s', script, url, '--'];
  args.push(shot.method, shot.path, shot.body ?? '', shot.tickets ?? shot.bearers ?? '');
  args.push(shot.bearers === undefined ? 'Seckill-Ticket' : 'Authorization');
  const [command, ...rest] = onCore(options.core, ['wrk', ...args]);
  const { stdout } = await run(command, rest);
  const result = resultSchema.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
  if (result.errors > 0) throw new Error(`${shot.method} ${shot.path}: ${result.errors} answers were lost`);
  return result;
}

/** A command line that stays on one core: the two sides of a comparison then share nothing but that core. */
export function onCore(core: number | null, line: readonly [string, ...string[]]): [string, ...string[]] {
  return core === null ? [...line] : ['taskset', '-c', String(core), ...line];
}
