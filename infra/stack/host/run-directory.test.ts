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

test('a directory that was there is closed to other users when all in it is of the stack, and left alone otherwise', async () => {
  const parent = temporaryDirectory('run-directory');
  const modeAfter = async (name: string, mode: number, foreign?: string) => {
    const { root } = runDirectory(join(parent, name));
    mkdirSync(foreign === undefined ? root : join(root, foreign), { recursive: true });
    chmodSync(root, mode);
    for (const _ of ['first start', 'second start']) await makeRunDirectory(runDirectory(root));
    return (statSync(root).mode & 0o7777).toString(8);
  };
  expect(await modeAfter('empty', 0o755)).toBe('711');
  expect(await modeAfter('older', 0o755, 'stack.json.1')).toBe('711');
  expect(await modeAfter('closed', 0o700)).toBe('700');
  expect(await modeAfter('home', 0o755, 'pictures')).toBe('755');
  expect(await modeAfter('shared', 0o1777)).toBe('1777');
});
