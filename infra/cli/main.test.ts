import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const cli = (...args: string[]) =>
  promisify(execFile)(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args]);

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
