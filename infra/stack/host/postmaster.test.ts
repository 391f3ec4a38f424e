import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { postmasterOf } from './postmaster.ts';

const isLinux = process.platform === 'linux';

test.runIf(isLinux)(
  'the PostgreSQL of a cluster is known by its file, and no other process that has its number',
  async () => {
    const cluster = join(temporaryDirectory('postmaster'), 'cluster 秒杀');
    mkdirSync(cluster);
    expect(postmasterOf(cluster)).toBeNull();
    // Waits for a line that never comes.
    const stranger = spawn('/bin/sh', ['-c', 'read line', 'sh', cluster], { argv0: 'postgres' });
    onTestFinished(async () => {
      stranger.kill('SIGKILL');
      await once(stranger, 'exit');
    });
    const name = (pid: number | undefined) => writeFileSync(join(cluster, 'postmaster.pid'), `${pid}\n${cluster}\n`);
    name(stranger.pid);
    await expect.poll(() => postmasterOf(cluster)).toBe(stranger.pid);
    name(process.pid);
    expect(postmasterOf(cluster)).toBeNull();
    name(undefined);
    expect(postmasterOf(cluster)).toBeNull();
  },
);
