import { chmodSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { StackError } from './errors.ts';
import { makeRunDirectory, runDirectory } from './run-directory.ts';

test('a path too long for a Unix socket is refused and names --dir', () => {
  expect(() => runDirectory(`/${'x'.repeat(90)}`)).toThrow(/--dir/);
  expect(() => runDirectory(`/${'x'.repeat(90)}`)).toThrow(StackError);
});

test('length counts in bytes, as the kernel counts it', () => {
  expect(() => runDirectory(`/${'x'.repeat(45)}`)).not.toThrow();
  expect(() => runDirectory(`/${'库'.repeat(45)}`)).toThrow(/too long/);
});

test('a character that a configuration file cannot quote is refused and names --dir', () => {
  expect(() => runDirectory('/tmp/it"s')).toThrow(/--dir/);
  expect(() => runDirectory('/tmp/a dir with spaces')).not.toThrow();
});

test('the folders of a stack are closed to other users, also those of an earlier version', async () => {
  const parent = temporaryDirectory('run-directory');
  for (const folder of ['old/logs', 'old/data/edge', 'old/data/postgres']) {
    mkdirSync(join(parent, folder), { recursive: true });
    chmodSync(join(parent, folder), 0o755);
  }
  for (const name of ['new', 'old']) {
    const { root } = runDirectory(join(parent, name));
    await makeRunDirectory(runDirectory(root));
    const mode = (path: string) => statSync(join(root, path)).mode & 0o777;
    const modes = Object.fromEntries(readdirSync(root).map((path) => [path, mode(path)]));
    const closed = { secrets: 0o700, sockets: 0o700, logs: 0o700, pages: 0o700, config: 0o700 };
    expect([name, modes]).toEqual([name, { ...closed, data: 0o711 }]); // PostgreSQL's user passes
    if (name === 'old') expect([mode('data/edge'), mode('data/postgres')]).toEqual([0o700, 0o755]);
  }
});
