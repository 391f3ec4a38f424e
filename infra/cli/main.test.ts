import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const cli = (...args: string[]) =>
  promisify(execFile)(process.execPath, [new URL('main.ts', import.meta.url).pathname, ...args]);

test('the command line starts, and its help names every command of the contract', async () => {
  const { stdout } = await cli('--help');
  for (const command of [
    'up',
    'down',
    'status',
    'sale',
    'stock',
    'pages',
    'tickets',
    'watch',
    'audit',
    'drain',
    'dlq',
  ]) {
    expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
  }
});
