import { spawn } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { seckill, seckillProcess } from '#lab/kits/command-line.ts';

test.each([
  { args: ['--help'], code: 0 },
  { args: ['sale', 'open', '--help'], code: 0 },
  { args: ['plan', '--shoppers', '1000', '--units', '10', '--open-in', '60', '--json'], code: 0 },
  { args: ['status', '--dir', '/nowhere'], code: 1 },
  { args: ['sale', 'opn', 'tea-cup'], code: 2 },
  { args: ['sale', 'list', '--dir', '/nowhere'], code: 78 },
])('seckill $args: the binary says and returns what the command line does in this process', async ({ args, code }) => {
  const binary = await seckillProcess({}, ...args);
  expect(binary.code).toBe(code);
  expect(await seckill({}, ...args)).toEqual(binary);
});

const entry = join(import.meta.dirname, 'seckill.ts');

test('a reader that has seen enough, as `head` has, ends the binary without an error', async () => {
  const child = spawn(process.execPath, [entry, '--version'], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  child.stdout.destroy();
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += String(chunk);
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect([code, said]).toEqual([0, '']);
});

/** Every write to /dev/full fails with ENOSPC (full(4)). */
test.runIf(existsSync('/dev/full'))('a result that does not fit on the disk is an error that says so', async () => {
  const child = spawn(process.execPath, [entry, '--version'], {
    stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said += String(chunk);
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect([code, said]).toEqual([1, expect.stringContaining('seckill: the result cannot be written: ENOSPC')]);
});
