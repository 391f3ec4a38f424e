import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkoutDir } from '#infra/stack/host/run-directory.ts';
import { stopStack } from '#infra/stack/stack.ts';

type RunKind = 'test' | 'parts' | 'chaos' | 'edges';

const parent = join(checkoutDir, '.run');

/** The run directory of this process' own stack: `.run/<kind>-<pid>`. */
export function privateRunDir(kind: RunKind): string {
  return join(parent, `${kind}-${process.pid}`);
}

/** Copies a stack's logs to `.run/<name>`, in the place of what was there. */
export async function keepLogs(dir: string, name: string): Promise<void> {
  const kept = join(parent, name);
  await rm(kept, { recursive: true, force: true, maxRetries: 2 });
  // Another run may be doing the same at this moment: no reason to fail, one of the two stays.
  await cp(join(dir, 'logs'), kept, { recursive: true }).catch(() => undefined);
}

/** Removes directories of runs that were killed: their processes ended with them, their files did not. */
export async function removeAbandoned(kind: RunKind): Promise<void> {
  const names = await readdir(parent).catch(() => []);
  for (const name of names) {
    const pid = new RegExp(`^${kind}-(\\d+)$`).exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    await stopStack(join(parent, name));
    await rm(join(parent, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
