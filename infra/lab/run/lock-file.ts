import { readFileSync, rmSync, writeFileSync } from 'node:fs';

/** Takes the lock for this process; false while a process that lives has it. What a killed process left is taken away. */
export function takeLock(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const holder = holderOf(file);
  if (holder !== null && !isAlive(holder)) rmSync(file, { force: true });
  return false;
}

export const releaseLock = (file: string): void => rmSync(file, { force: true });

/** Null when it was released meanwhile, or is just being written. */
function holderOf(file: string): number | null {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    return pid > 0 ? pid : null;
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
