import { readFile } from 'node:fs/promises';
import { spawnTied } from './tied-process.ts';

export type Changes = Record<string, string | undefined>;

/**
 * Another process beside one that runs: the same program with the same settings, but for these. Undefined takes one
 * away. It needs an instance and addresses of its own (SECKILL_INSTANCE, SECKILL_LISTEN, SECKILL_INNER_LISTEN).
 */
export async function startLike(pid: number, changes: Changes): Promise<{ stop: () => Promise<void> }> {
  const words = (text: string) => text.split('\0').filter((word) => word !== '');
  const [command = process.execPath, ...args] = words(await readFile(`/proc/${pid}/cmdline`, 'utf8'));
  const settings = words(await readFile(`/proc/${pid}/environ`, 'utf8')).map((pair) => {
    const end = pair.indexOf('=');
    return [pair.slice(0, end), pair.slice(end + 1)] as const;
  });
  return startProgram([command, ...args], { ...Object.fromEntries(settings), ...changes });
}

/** A process of the test's own, with exactly these settings. It ends with `stop`, or with the process of the test. */
export function startProgram(
  [command, ...args]: [string, ...string[]],
  environment: Changes,
): { stop: () => Promise<void> } {
  const server = spawnTied(command, args, { env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
  return { stop: () => server.end() };
}
