import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** Runs a process whose main function throws `error`, an expression. */
function endOf(error: string) {
  const program = `
    const { runMain } = await import(${JSON.stringify(join(import.meta.dirname, 'main.ts'))});
    const { ConfigError } = await import(${JSON.stringify(join(import.meta.dirname, 'config.ts'))});
    await runMain('a-process', async () => { throw ${error}; });`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
  });
  return { status, stderr };
}

test('a process whose configuration cannot be used says each problem and exits 78; any other error at the start exits 1', () => {
  expect(endOf(`new ConfigError(['SECKILL_A is not set', 'SECKILL_B must be on'])`)).toEqual({
    status: 78,
    stderr: 'a-process: configuration:\n  - SECKILL_A is not set\n  - SECKILL_B must be on\n',
  });
  expect(endOf(`new Error('no such database')`)).toEqual({
    status: 1,
    stderr: expect.stringContaining('a-process: Error: no such database\n    at '),
  });
});
