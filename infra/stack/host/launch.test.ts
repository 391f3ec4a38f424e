import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { childEnvironment, tied } from './launch.ts';

test('a child inherits everything but the SECKILL_, PG and LANGUAGE names of the caller', () => {
  const environment = {
    PATH: '/bin',
    HOME: '/root',
    SECKILL_LISTEN: '127.0.0.1:1',
    SECKILL_TYPO: 'x',
    PGSSLMODE: 'require',
    LANGUAGE: 'zh_CN:zh',
    EMPTY: undefined,
  };
  expect(childEnvironment(environment)).toMatchObject({ PATH: '/bin', HOME: '/root' });
  expect(Object.keys(childEnvironment(environment)).filter((name) => /^(SECKILL|PG|LANG)/.test(name))).toEqual([]);
});

test.runIf(process.platform === 'linux')('a child has a locale that every Linux has, not that of the caller', () => {
  expect(childEnvironment({ LANG: 'xx_XX.UTF-8', LC_ALL: 'yy_YY' })).toEqual({
    LANG: 'xx_XX.UTF-8',
    LC_ALL: 'C.UTF-8',
  });
  expect(childEnvironment({})).toEqual({ LC_ALL: 'C.UTF-8' });
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
