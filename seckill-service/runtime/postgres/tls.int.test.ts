import { chownSync, copyFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runMigrations } from '#infra/migrations/run.ts';
import { type Stack, startStack } from '#infra/stack/stack.ts';
import { makeCertificate } from '#lab/kits/certificate.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { createLogger } from '../logger.ts';
import { connectPostgres } from './connect.ts';

const [own, other] = [temporaryDirectory('postgres-tls'), temporaryDirectory('postgres-tls-other')];
const { certificate, certificateKey } = makeCertificate(own);
const { certificate: stranger } = makeCertificate(other);
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
let stack: Stack;

beforeAll(async () => {
  const dir = temporaryDirectory('postgres-stack');
  stack = await startStack({ dir, only: ['postgres'], port: 'any', environment: process.env });
  const cluster = join(dir, 'data/postgres/cluster');
  const { uid, gid } = statSync(cluster);
  for (const [from, name] of [
    [certificate, 'server.crt'],
    [certificateKey, 'server.key'],
  ] as const) {
    copyFileSync(from, join(cluster, name));
    chownSync(join(cluster, name), uid, gid);
  }
  const plain = connectPostgres(stack.environment.SECKILL_DATABASE_URL ?? '', logger);
  await plain.query('ALTER SYSTEM SET ssl = on');
  await plain.query('SELECT pg_reload_conf()');
  await plain.end();
}, 60_000);
afterAll(() => stack.stop());

function urlWith(parameters: Record<string, string>): string {
  const url = new URL(stack.environment.SECKILL_DATABASE_URL ?? '');
  url.search = String(new URLSearchParams(parameters));
  return url.href;
}
async function isEncrypted(url: string): Promise<boolean> {
  const pool = connectPostgres(url, logger, { max: 1 });
  try {
    const { rows } = await pool.query<{ ssl: boolean }>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    return rows[0]?.ssl === true;
  } finally {
    await pool.end();
  }
}

test('sslmode=verify-full speaks TLS with a private authority, the migrations too', async () => {
  const url = urlWith({ sslmode: 'verify-full', sslrootcert: certificate });
  expect(await isEncrypted(url)).toBe(true);
  await runMigrations(url);
});

test('sslmode=verify-full does not speak to a server of another authority, or of none that is known', async () => {
  for (const wrong of [{ sslrootcert: stranger }, {}]) {
    await expect(isEncrypted(urlWith({ sslmode: 'verify-full', ...wrong }))).rejects.toThrow(/self-signed certificate/);
  }
});

test('authorities that cannot be read end the start with a reason, and a device is never read', async () => {
  for (const [sslrootcert, why] of [
    ['/nowhere/ca.pem', /sslrootcert of postgres.*\/nowhere\/ca\.pem/],
    ['/dev/zero', /sslrootcert of postgres.*\/dev\/zero: the file is a device/],
  ] as const) {
    const url = urlWith({ sslmode: 'verify-full', sslrootcert });
    await expect(isEncrypted(url)).rejects.toThrow(why);
  }
});
