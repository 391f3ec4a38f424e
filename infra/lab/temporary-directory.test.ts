import { spawnSync } from 'node:child_process';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { demandRoom, removeTemporaryDirectories, temporaryDirectory } from './temporary-directory.ts';

test('a temporary directory is empty, its owner’s alone, and named after the process and its purpose', () => {
  const [dir, other] = [temporaryDirectory('orders'), temporaryDirectory('orders')];
  expect(dir).not.toBe(other);
  expect(dirname(dir)).toBe(tmpdir());
  expect(basename(dir)).toMatch(new RegExp(`^seckill-test-${process.pid}-orders-\\w{6}$`));
  expect(statSync(dir).mode & 0o777).toBe(0o700);
});

test('what was made is removed with all that is in it', () => {
  const dir = temporaryDirectory('full');
  writeFileSync(join(dir, 'file'), 'x');
  removeTemporaryDirectories();
  expect(existsSync(dir)).toBe(false);
});

test('outside of vitest it is gone when the process has ended', () => {
  const module = join(import.meta.dirname, 'temporary-directory.ts');
  const program = `import { temporaryDirectory } from '${module}'; process.stdout.write(temporaryDirectory('ends'));`;
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  expect([status, basename(stdout)]).toEqual([0, expect.stringMatching(/^seckill-test-\d+-ends-/)]);
  expect(existsSync(stdout)).toBe(false);
});

test('a full disk is called by its name', () => {
  expect(() => demandRoom(tmpdir(), 2 ** 40)).toThrow(
    /^the tests need 1099511627776 MiB in \S+, \d+ MiB are free: free some room on that disk, or set TMPDIR/,
  );
});
