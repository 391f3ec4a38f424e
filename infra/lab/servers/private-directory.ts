import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { stopStack } from '#infra/stack/stack.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

/**
 * A run directory for one test, below a folder that only its owner may enter (mode 0700, as /root or a home), with a
 * space and characters that are not ASCII in its name. Afterwards what runs in it is stopped and the directory removed.
 */
export function privateDirectory(): string {
  const home = temporaryDirectory('stack');
  const dir = join(home, 'run 秒杀');
  onTestFinished(async () => {
    await stopStack(dir);
    rmSync(home, { recursive: true, force: true });
  });
  return dir;
}
