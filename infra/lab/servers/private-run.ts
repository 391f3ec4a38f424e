import { existsSync } from 'node:fs';
import { cp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkoutDir } from '#infra/stack/host/run-directory.ts';
import { stopStack } from '#infra/stack/stack.ts';
import { temporaryPrefix } from '../temporary-directory.ts';

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

/** The pid in the name of a directory that a test run makes for itself, by the folder that it is made in. */
const ownerIn = {
  run: /^(?:test|parts|chaos|edges|test-edge)-(\d+)(?:-\d+)?$/,
  temporary: new RegExp(`^${temporaryPrefix}(\\d+)-`),
};

/**
 * Removes directories whose process is dead: of runs that were killed. Their servers ended with them, or are ended here.
 * What cannot be removed, another user's for example, stays.
 */
export async function removeAbandoned(runs = parent, temporary = tmpdir()): Promise<void> {
  for (const [folder, owner] of [
    [runs, ownerIn.run],
    [temporary, ownerIn.temporary],
  ] as const) {
    for (const name of await readdir(folder).catch(() => [])) {
      const pid = owner.exec(name)?.[1];
      if (pid === undefined || isAlive(Number(pid))) continue;
      await removeWithStack(join(folder, name)).catch(() => undefined);
    }
  }
}

/** A directory that a stack ran in, or that holds the one in which it did. */
async function removeWithStack(dir: string): Promise<void> {
  const below = await readdir(dir);
  for (const run of [dir, ...below.map((name) => join(dir, name))])
    if (existsSync(join(run, 'stack.json'))) await stopStack(run);
  await rm(dir, { recursive: true, force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
