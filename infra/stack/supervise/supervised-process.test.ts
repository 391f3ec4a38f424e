import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { StackEvent } from './events.ts';
import type { ProcessSpec } from './process-spec.ts';
import { superviseProcess } from './supervised-process.ts';

/** A process of the shell's, supervised; nothing of it stays after the test. */
function supervised(script: string, more: Partial<ProcessSpec> = {}, log?: string) {
  const dir = mkdtempSync(join(tmpdir(), 'supervised-'));
  const events: StackEvent[] = [];
  const process = superviseProcess({
    spec: {
      role: 'postgres',
      name: 'postgres',
      address: 'nowhere',
      portName: null,
      after: [],
      line: { command: '/bin/sh', args: ['-c', script] },
      environment: { PATH: '/usr/bin:/bin' },
      cwd: dir,
      check: async () => null,
      ...more,
    },
    log: log ?? join(dir, 'postgres.log'),
    searchPath: '/usr/bin:/bin',
    onEvent: (event) => events.push(event),
    onChange: () => undefined,
    count: () => ({ nth: 1, all: 1 }),
  });
  onTestFinished(async () => {
    await process.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  return { process, events, dir };
}

const forever = new AbortController().signal;

test('a server that dies while it is made ready for the others is named with its reason, not with what its client heard', async () => {
  const { process, dir } = supervised(
    'until [ -e go ]; do sleep 0.02; done; echo "PANIC: no space left" >&2; echo; exit 3',
    {
      afterReady: async () => {
        writeFileSync(join(dir, 'go'), '');
        // A client of it often hears of its end before the supervisor does.
        await expect.poll(() => readFileSync(join(dir, 'postgres.log'), 'utf8')).toMatch('PANIC');
        throw new Error('terminating connection due to administrator command');
      },
    },
  );
  await expect(process.start(forever)).rejects.toThrow(
    /^postgres died while it was made ready for the others \(exit code 3\); its log ends with: PANIC: no space left\n/,
  );
});

test('what goes wrong while a server lives is told in its words', async () => {
  const { process } = supervised('exec sleep 60', {
    afterReady: async () => {
      throw new Error('relation "orders" is not what it should be');
    },
  });
  await expect(process.start(forever)).rejects.toThrow(
    /^postgres could not be made ready for the others: relation "orders" is not/,
  );
});

test('a restart that is not possible now is told and tried again, and ends no other process', async () => {
  const { process, events, dir } = supervised('exec sleep 60');
  await process.start(forever);
  rmSync(dir, { recursive: true }); // its log cannot be opened any more, as on a disk without room for a new file
  const { pid } = process.state();
  if (pid !== null) globalThis.process.kill(pid, 'SIGKILL');
  await expect
    .poll(() => events.filter(({ type }) => type === 'not-started').length, { timeout: 20_000 })
    .toBeGreaterThanOrEqual(2);
  expect(events.find(({ type }) => type === 'not-started')).toMatchObject({ problem: expect.stringMatching(/ENOENT/) });
});
