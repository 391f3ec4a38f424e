import { execFile } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { promisify } from 'node:util';
import { checkoutDir } from '../../stack/host/run-directory.ts';

/** Where a figure was measured: without it, it says nothing. */
export function describeMachine(k6Version: string, edgeUrl: string): Record<string, string | number> {
  const cores = cpus();
  return {
    processor: cores[0]?.model.trim() || 'unknown',
    cores: cores.length,
    'memory, GB': Math.round(totalmem() / 1e9),
    kernel: `${process.platform} ${release()}`,
    node: process.version,
    k6: k6Version,
    'load average before': loadavg()
      .map((load) => load.toFixed(2))
      .join(', '),
    edge: edgeUrl,
  };
}

/** The commit that is checked out, with a word when files differ from it. */
export async function currentCommit(): Promise<string> {
  const git = async (...args: string[]) =>
    (await promisify(execFile)('git', ['-C', checkoutDir, ...args], { timeout: 10_000 })).stdout.trim();
  try {
    const changed = await git('status', '--porcelain', '--untracked-files=no');
    return `${await git('rev-parse', '--short=10', 'HEAD')}${changed === '' ? '' : ', with changes that are not committed'}`;
  } catch {
    return 'unknown: not a git checkout';
  }
}
