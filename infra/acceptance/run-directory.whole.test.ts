import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { test } from '#lab/fixtures/test.ts';

const [mayRead, mayPass] = [0o044, 0o011];

/** What users other than the owner may read in a folder that they can reach. */
function readableIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isSymbolicLink()) return []; // leads to what is looked at itself
    const path = join(folder, entry.name);
    const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0; // a draft that is renamed meanwhile
    const own = mode & mayRead ? [path] : [];
    return entry.isDirectory() && mode & mayPass ? [...own, ...readableIn(path)] : own;
  });
}

test('other users of the machine can read nothing of a stack: no log, no state, no order, no secret', ({ edges }) => {
  expect(readableIn(edges.stack.dir)).toEqual([]);
});
