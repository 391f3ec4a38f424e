import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { logSize } from './log-file.ts';
import { emptyGrowing } from './rotate-growing.ts';

test('a log that a process holds open is put aside, and the process goes on at its new start', async () => {
  const file = join(temporaryDirectory('growing'), 'x.log');
  writeFileSync(file, 'old\n');
  const fd = openSync(file, 'a');
  const writer = spawn('cat', { stdio: ['pipe', fd, 'ignore'] });
  closeSync(fd);
  expect(await emptyGrowing(file, 4)).toBe(false);
  expect(await emptyGrowing(file, 3)).toBe(true);
  writer.stdin?.end('new\n');
  await once(writer, 'exit');
  expect([readFileSync(`${file}.1`, 'utf8'), readFileSync(file, 'utf8')]).toEqual(['old\n', 'new\n']);
  expect(logSize(file)).toBe(4);
});
