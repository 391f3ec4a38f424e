import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const logger = fileURLToPath(new URL('logger.ts', import.meta.url));

/** Every write to /dev/full fails with ENOSPC (full(4)). */
test.runIf(existsSync('/dev/full'))(
  'a full disk under the log ends no process, and what waits for room stays small',
  () => {
    const program = `
    const { createLogger } = await import(${JSON.stringify(logger)});
    const logger = createLogger({ service: 's', instance: 'i', level: 'info' });
    for (let i = 0; i < 200_000; i += 1) logger.info({ padding: 'x'.repeat(100) }, 'a line');
    await new Promise(setImmediate); // what the logger does in the next turn
    logger.fatal('the last line'); // pino flushes after it
    process.stderr.write('alive, ' + Math.round(process.memoryUsage().rss / 1e6) + ' MB');`;
    const full = openSync('/dev/full', 'w');
    try {
      const ended = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
        stdio: ['ignore', full, 'pipe'],
        encoding: 'utf8',
        timeout: 60_000,
      });
      expect({ status: ended.status, stderr: ended.stderr }).toEqual({
        status: 0,
        stderr: expect.stringMatching(/^alive/),
      });
      expect(Number(/(\d+) MB/.exec(ended.stderr)?.[1])).toBeLessThan(200);
    } finally {
      closeSync(full);
    }
  },
);

test('lines that were lost are counted in the log once there is room again', () => {
  // fs as on a disk that is full for a while; a real one takes rights that a test has not everywhere.
  const program = `
    const { createLogger } = await import(${JSON.stringify(logger)});
    const fs = (await import('node:fs')).default;
    const write = fs.writeSync;
    fs.writeSync = () => { throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }); };
    const logger = createLogger({ service: 's', instance: 'i', level: 'info' });
    for (let i = 0; i < 20_000; i += 1) logger.info({ i, padding: 'x'.repeat(100) }, 'a line');
    fs.writeSync = write;
    const later = performance.now() + 1000;
    performance.now = () => later; // the next try is due
    logger.info('room again');
    await new Promise(setImmediate);`;
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
    timeout: 60_000,
    maxBuffer: 1e8,
  });
  expect(status).toBe(0);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { msg: string; i?: number; lines?: number });
  const kept = lines.filter(({ msg }) => msg === 'a line');
  expect(kept.map(({ i }) => i)).toEqual(kept.map((_, nth) => nth)); // the oldest, whole and in order
  const [told] = lines.filter(({ msg }) => msg.startsWith('log lines were lost'));
  // The line that met the full buffer again is lost too, or comes: it was written once there was room.
  const again = lines.filter(({ msg }) => msg === 'room again').length;
  expect(kept.length + again + (told?.lines ?? 0)).toBe(20_001);
});

test('what a terminal would obey stands in the log as an escape, and is the same text to who parses it', () => {
  const rude = '\u001b[31m\u007f\u009b31m\u202egnp\u2028\u2066\ufeff, 手机 é';
  const program = `
    const { createLogger } = await import(${JSON.stringify(logger)});
    createLogger({ service: 's', instance: 'i', level: 'info' }).info({ user: ${JSON.stringify(rude)} }, 'a line');`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' });
  expect(stdout).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}](?!$)/u);
  expect(stdout).toContain('\\u009b31m\\u202e');
  expect(stdout).toContain('手机 é');
  expect(JSON.parse(stdout)).toMatchObject({ user: rude });
});
