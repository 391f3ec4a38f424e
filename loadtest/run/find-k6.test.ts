import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findK6, judgeVersion, ownK6 } from './find-k6.ts';

let dir = '';
const places = (changes: Partial<Parameters<typeof findK6>[0]> = {}) => ({
  named: undefined,
  checkout: join(dir, 'nothing'),
  searchPath: '',
  ...changes,
});

/** A program that says it is that k6. */
async function put(path: string, says: string): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho '${says}'\n`);
  await chmod(path, 0o755);
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'find-k6-'));
  await put(join(dir, 'old', 'k6'), 'k6 v1.8.1 (go1.24.1, linux/amd64)');
  await put(join(dir, 'new', 'k6'), 'k6 v2.3.0 (go1.26.8, linux/amd64)');
  await put(ownK6(join(dir, 'checkout')), 'k6 v2.2.0 (go1.26.8, linux/amd64)');
});
afterAll(() => rm(dir, { recursive: true }));

test("the checkout's own k6 comes first, then the PATH's; one of another major version is passed over", async () => {
  const searchPath = `${join(dir, 'old')}:${join(dir, 'new')}`;
  const own = await findK6(places({ checkout: join(dir, 'checkout'), searchPath }));
  expect(own).toMatchObject({ kind: 'found', version: '2.2.0' });
  expect(await findK6(places({ searchPath }))).toMatchObject({ kind: 'found', version: '2.3.0' });
});

test('what cannot be used says why', async () => {
  expect(await findK6(places())).toEqual({ kind: 'missing' });
  expect(await findK6(places({ searchPath: join(dir, 'old') }))).toMatchObject({
    kind: 'unfit',
    problem: 'it is k6 1.8.1, and the scripts are for k6 2',
  });
  expect(await findK6(places({ named: join(dir, 'nowhere') }))).toMatchObject({ kind: 'unfit' });
  expect(judgeVersion('/bin/k6', 'hello')).toMatchObject({ kind: 'unfit' });
});
