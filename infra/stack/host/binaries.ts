import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { StackError } from './errors.ts';

/** Debian keeps servers out of an ordinary user's PATH. */
const serverDirs = ['/usr/sbin', '/usr/local/sbin', '/sbin', '/usr/local/openresty/nginx/sbin'];

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The caller's PATH with the folders of servers at its end, for children that look for a server by its name alone. */
export function pathWithServers(searchPath: string): string {
  return [...searchPath.split(delimiter).filter((dir) => dir !== ''), ...serverDirs].join(delimiter);
}

/** The first executable of that name in `first`, the PATH, or where servers live; null when there is none. */
export function findProgram(name: string, searchPath: string, first: readonly string[] = []): string | null {
  const dirs = [...first, ...searchPath.split(delimiter).filter((dir) => dir.startsWith('/')), ...serverDirs];
  return dirs.map((dir) => join(dir, name)).find(isExecutable) ?? null;
}

/** As {@link findProgram}; throws {@link StackError} when it is missing. */
export function requireProgram(name: string, searchPath: string, first: readonly string[] = []): string {
  const found = findProgram(name, searchPath, first);
  if (found === null) {
    throw new StackError('configuration', `${name} is not installed: run \`bash infra/setup/setup.sh\``);
  }
  return found;
}

/** Folders of PostgreSQL's programs, `version` (of an existing cluster) first, else the newest first. */
export function postgresDirs(version: string | null): string[] {
  const root = '/usr/lib/postgresql';
  let versions: string[] = [];
  try {
    versions = readdirSync(root).sort((a, b) => Number(b) - Number(a));
  } catch {
    // Not Debian: the PATH it is.
  }
  const ordered = version === null ? versions : versions.filter((other) => other === version);
  return ordered.map((each) => join(root, each, 'bin'));
}
