import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { deployDir, secretsDirectory } from '#lab/kits/process-settings.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';

test('make-secrets.sh keeps what is there, and says which file a user of a container cannot read', () => {
  const own = secretsDirectory('secrets');
  const key = join(own, 'tls.key');
  chmodSync(key, 0o600);
  const found = spawnSync('sh', [join(deployDir, 'make-secrets.sh'), own], { encoding: 'utf8' });
  expect([found.status, found.stdout]).toEqual([1, '']);
  expect(found.stderr.trim().split('\n')).toEqual([
    expect.stringMatching(/^make-secrets: uid 10001, .*cannot read .*tls\.key \(-rw-------.*: chmod 644 .*chown 10001/),
  ]);
  expect(readFileSync(key, 'utf8')).toBe('a key that the operator put there');
  chmodSync(key, 0o644);
  expect(spawnSync('sh', [join(deployDir, 'make-secrets.sh'), own]).status).toBe(0);
  // Kubernetes mounts by a mode of its own.
  chmodSync(key, 0o600);
  for (const url of ['stock-redis-url', 'queue-redis-url', 'database-url', 'cdc-database-url']) rmSync(join(own, url));
  expect(spawnSync('sh', [join(deployDir, 'make-secrets.sh'), own, '.data.svc']).status).toBe(0);
});

/** Runs make-secrets.sh for a directory of the test's own, which has a blank and a quote in its path. */
function ownSecrets() {
  const parent = temporaryDirectory('make-secrets');
  const own = join(parent, "it's mine");
  const run = (endOfNames: string, path = process.env.PATH) =>
    spawnSync('/bin/sh', [join(deployDir, 'make-secrets.sh'), own, endOfNames], {
      env: { PATH: path },
      encoding: 'utf8',
    });
  return { parent, own, run };
}

test('make-secrets.sh says which address an earlier run made for other servers, and leaves one of the operator alone', () => {
  const { own, run } = ownSecrets();
  expect(run('').status).toBe(0);
  for (const url of ['database-url', 'cdc-database-url'])
    writeFileSync(join(own, url), 'postgres://me:p%40@db.example:5432/seckill');
  const moved = run('.data.svc');
  expect(moved.status).toBe(1);
  for (const redis of ['stock-redis', 'queue-redis']) {
    expect(moved.stderr).toContain(`${redis}-url is there and names ${redis}, not ${redis}.data.svc: `);
  }
  expect(moved.stderr).not.toContain('database-url');
  for (const redis of ['stock-redis', 'queue-redis']) rmSync(join(own, `${redis}-url`));
  expect(run('.data.svc').status).toBe(0);
  expect(run('.data.svc').status).toBe(0);
  expect(run('').stderr).toContain('names stock-redis.data.svc, not stock-redis: ');
});

test('make-secrets.sh makes no secret without an openssl that works, and takes no empty file for one', () => {
  const { parent, own, run } = ownSecrets();
  const bin = join(parent, 'bin');
  mkdirSync(bin);
  for (const program of ['cat', 'chmod', 'grep', 'ls', 'mkdir', 'mv', 'sed']) {
    symlinkSync(execFileSync('which', [program], { encoding: 'utf8' }).trim(), join(bin, program));
  }
  expect(run('', bin)).toMatchObject({ status: 1, stderr: expect.stringContaining('openssl is not there') });
  for (const broken of ['exit 1', 'exit 0']) {
    writeFileSync(join(bin, 'openssl'), `#!/bin/sh\n${broken}\n`, { mode: 0o755 });
    expect(run('', bin)).toMatchObject({ status: 1, stderr: expect.stringContaining('made nothing') });
    expect(readdirSync(own)).toEqual([]);
  }
  writeFileSync(join(own, 'session-secret'), '\n');
  const empty = { status: 1, stderr: expect.stringContaining(`${own}/session-secret is empty`) };
  expect(run('')).toMatchObject(empty);
  expect(run('.data.svc')).toMatchObject(empty);
});

test('the command that make-secrets.sh advises can be run as it stands', () => {
  const { own, run } = ownSecrets();
  run('');
  chmodSync(join(own, 'database-url'), 0o600);
  const advice = / (chmod 644 .*) \(its directory/.exec(run('').stderr)?.[1] ?? 'false';
  execFileSync('/bin/sh', ['-c', advice]);
  expect(run('').status).toBe(0);
});
