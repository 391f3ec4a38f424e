import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { StackError, withWriteProblem } from './errors.ts';
import { makeRunDirectory, runDirectory } from './run-directory.ts';

const failure = (code: string, syscall = 'open') => Object.assign(new Error(`${code}: it said so`), { code, syscall });

test.each([
  { code: 'EROFS', why: 'read-only file system' },
  { code: 'EACCES', why: 'this user may not write there' },
  { code: 'ENOSPC', why: 'its disk is full' },
  { code: 'EDQUOT', why: 'is used up' },
])('a run directory that answers $code is a configuration error that names --dir', ({ code, why }) => {
  const told = withWriteProblem(failure(code), '/x/.run');
  expect(told).toBeInstanceOf(StackError);
  expect(told).toMatchObject({ kind: 'configuration', message: expect.stringContaining(why) });
  expect(told).toMatchObject({ message: expect.stringMatching(/\/x\/\.run.*\n.*--dir/) });
});

test('an error that says nothing about the run directory stays as it is', () => {
  for (const error of [
    new Error('other'),
    failure('ECONNREFUSED'),
    failure('ENOENT'),
    failure('EPERM', 'chown'),
    new StackError('busy', 'x'),
  ]) {
    expect(withWriteProblem(error, tmpdir())).toBe(error);
  }
});

test('a run directory below a file is told as such', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'errors-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'file'), '');
  await expect(makeRunDirectory(runDirectory(join(dir, 'file', 'run')))).rejects.toMatchObject({
    kind: 'configuration',
    message: expect.stringContaining('a part of its path is a file'),
  });
});
