import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** The major version that the scripts are written for; loadtest/k6/go.mod pins the whole one. */
export const k6Major = 2;

export type FoundK6 =
  | { kind: 'found'; path: string; version: string }
  | { kind: 'missing' }
  /** There is one, but not for us. */
  | { kind: 'unfit'; path: string; problem: string };

/** The first k6 of the right version: the one that is named, this checkout's own, those on the PATH. */
export async function findK6(places: {
  named: string | undefined;
  checkout: string;
  searchPath: string;
}): Promise<FoundK6> {
  const { named, checkout, searchPath } = places;
  const candidates =
    named !== undefined
      ? [named]
      : [
          ownK6(checkout),
          ...searchPath
            .split(delimiter)
            .filter((dir) => dir !== '')
            .map((dir) => join(dir, 'k6')),
        ];
  let unfit: FoundK6 = { kind: 'missing' };
  for (const path of candidates) {
    const found = await look(path);
    if (found.kind === 'found') return found;
    if (found.kind === 'unfit' && unfit.kind === 'missing') unfit = found;
  }
  if (named !== undefined && unfit.kind === 'missing')
    return { kind: 'unfit', path: named, problem: 'there is no such program' };
  return unfit;
}

/** Where `npm run setup:k6` puts it. */
export const ownK6 = (checkout: string): string => join(checkout, '.run', 'bin', 'k6');

async function look(path: string): Promise<FoundK6> {
  if (
    !(await access(path, constants.X_OK).then(
      () => true,
      () => false,
    ))
  )
    return { kind: 'missing' };
  try {
    const { stdout } = await promisify(execFile)(path, ['version'], { timeout: 20_000 });
    return judgeVersion(path, stdout);
  } catch (error) {
    const said = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    return { kind: 'unfit', path, problem: `it does not run: ${said}` };
  }
}

/** From what `k6 version` prints, such as `k6 v2.2.0 (go1.26.8, linux/amd64)`. */
export function judgeVersion(path: string, printed: string): FoundK6 {
  const version = /\bk6(?:\.exe)? v?(\d+\.\d+\.\d+\S*)/.exec(printed)?.[1];
  if (version === undefined) return { kind: 'unfit', path, problem: 'it does not say which version of k6 it is' };
  if (Number(version.split('.')[0]) === k6Major) return { kind: 'found', path, version };
  return { kind: 'unfit', path, problem: `it is k6 ${version}, and the scripts are for k6 ${k6Major}` };
}
