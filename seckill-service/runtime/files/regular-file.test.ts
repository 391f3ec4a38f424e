import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { readRegularFile, readRegularFileSync, refuseOtherTarget } from './regular-file.ts';

const maxBytes = 2_000_000;
let dir = '';

beforeAll(() => {
  dir = temporaryDirectory('regular-file-');
  execFileSync('mkfifo', [join(dir, 'pipe')]);
  mkdirSync(join(dir, 'directory'));
  writeFileSync(join(dir, 'exact'), Buffer.alloc(maxBytes, 7));
  writeFileSync(join(dir, 'larger'), Buffer.alloc(maxBytes + 1));
  writeFileSync(join(dir, 'empty'), '');
  symlinkSync(join(dir, 'exact'), join(dir, 'link'));
  symlinkSync(join(dir, 'pipe'), join(dir, 'link-to-pipe'));
});

const readers: [name: string, read: (path: string, maxBytes: number) => Promise<Buffer>][] = [
  ['readRegularFile', readRegularFile],
  ['readRegularFileSync', async (path, max) => readRegularFileSync(path, max)],
];

describe.each(readers)('%s', (_name, read) => {
  test.each([
    ['/dev/zero', 'is a device: name a regular file'],
    ['/dev/tty', 'is a device: name a regular file'],
    ['pipe', 'is a pipe: name a regular file'],
    ['link-to-pipe', 'is a pipe: name a regular file'],
    ['directory', 'is a directory: name a regular file'],
    ['larger', 'is 2.1 MB: at most 2 MB'],
    ['nowhere', 'ENOENT'],
  ])('refuses %s unread and at once: %s', async (name, words) => {
    await expect(read(name.startsWith('/') ? name : join(dir, name), maxBytes)).rejects.toThrow(words);
  });

  test('reads a file of exactly the limit, by a link too, and an empty one', async () => {
    for (const name of ['exact', 'link']) {
      const bytes = await read(join(dir, name), maxBytes);
      expect([bytes.length, bytes.every((byte) => byte === 7)]).toEqual([maxBytes, true]);
    }
    expect(await read(join(dir, 'empty'), maxBytes)).toHaveLength(0);
  });

  test('does not believe a file that says it is empty', async () => {
    expect((await read('/proc/self/status', maxBytes)).toString()).toContain('VmRSS');
    await expect(read('/proc/self/status', 10)).rejects.toThrow('is larger than');
  });
});

test('a result is written to a regular file or to a new one', async () => {
  for (const name of ['exact', 'link', 'new']) await refuseOtherTarget(join(dir, name));
  for (const name of ['pipe', 'directory']) {
    await expect(refuseOtherTarget(join(dir, name))).rejects.toThrow(`is a ${name}: name a regular file`);
  }
  await expect(refuseOtherTarget('/dev/null')).rejects.toThrow('is a device');
  const socket = join(dir, 'socket');
  const server = createServer().listen(socket);
  onTestFinished(() => void server.close());
  await expect.poll(() => refuseOtherTarget(socket).catch(String)).toContain('is a socket');
});
