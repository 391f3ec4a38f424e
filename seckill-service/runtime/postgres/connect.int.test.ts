import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { startTcpProxy } from '#lab/servers/tcp-proxy.ts';
import { createLogger } from '../logger.ts';
import { connectPostgres, inTransaction } from './connect.ts';

const url = new URL(inject('servers').databaseUrl);
const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });

/** A pool of one whose link to PostgreSQL can be broken. */
async function poolOverProxy() {
  const proxy = await startTcpProxy({ to: { host: url.hostname, port: Number(url.port) } });
  const own = new URL(url);
  own.port = String(proxy.port);
  const pool = connectPostgres(own.href, logger, { max: 1 });
  onTestFinished(async () => {
    await pool.end();
    await proxy.close();
  });
  return { pool, proxy };
}

test('a link that breaks between two statements of a transaction fails that transaction, not the process', async () => {
  const { pool, proxy } = await poolOverProxy();
  const attempt = inTransaction(pool, async (client) => {
    await client.query('SELECT 1');
    const broken = new Promise((resolve) => client.once('end', () => resolve(true)));
    proxy.mode('cut');
    await broken;
    await client.query('SELECT 2');
  });
  await expect(attempt).rejects.toThrow(/connection|ECONNRESET/i);
  proxy.mode('pass');
  expect((await pool.query('SELECT 3 AS n')).rows).toEqual([{ n: 3 }]);
});

test('a transaction of a process that is gone without a word does not keep its locks', async () => {
  const { pool } = await poolOverProxy();
  const { rows } = await pool.query(
    "SELECT setting, unit FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'",
  );
  expect(rows).toEqual([{ setting: '20000', unit: 'ms' }]);
  const attempt = inTransaction(pool, async (client) => {
    await client.query('SET LOCAL idle_in_transaction_session_timeout = 50');
    await new Promise((resolve) => client.once('end', resolve));
    await client.query('SELECT 1');
  });
  await expect(attempt).rejects.toThrow();
  expect((await pool.query('SELECT 3 AS n')).rows).toEqual([{ n: 3 }]);
});

test('a connection that breaks while it is idle is replaced', async () => {
  const { pool, proxy } = await poolOverProxy();
  await pool.query('SELECT 1');
  proxy.mode('cut');
  proxy.mode('pass');
  await vi.waitUntil(() => pool.totalCount === 0, 20_000);
  expect((await pool.query('SELECT 3 AS n')).rows).toEqual([{ n: 3 }]);
});
