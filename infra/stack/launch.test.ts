import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { tied, withoutSettings } from './launch.ts';

test('a child inherits everything but the SECKILL_ names of somebody else', () => {
  const environment = {
    PATH: '/bin',
    HOME: '/root',
    SECKILL_LISTEN: '127.0.0.1:1',
    SECKILL_TYPO: 'x',
    EMPTY: undefined,
  };
  expect(withoutSettings(environment)).toEqual({ PATH: '/bin', HOME: '/root' });
});

test.runIf(process.platform === 'linux')('the tied command runs in place of setpriv, under the same pid', () => {
  const { command, args } = tied({ command: '/bin/sh', args: ['-c', 'echo $$ $PPID'] }, 'SIGTERM', '/usr/bin:/bin');
  const [, parent] = execFileSync(command, [...args])
    .toString()
    .trim()
    .split(' ')
    .map(Number);
  expect(parent).toBe(process.pid);
});
