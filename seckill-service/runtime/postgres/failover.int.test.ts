import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { runMigrations } from '#infra/migrations/run.ts';
import { poll } from '#lab/poll.ts';
import { startPostgresPair } from '#lab/servers/postgres-pair.ts';
import { createLogger } from '../logger.ts';
import { connectPostgres, inTransaction } from './connect.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
let pair: Awaited<ReturnType<typeof startPostgresPair>>;

beforeAll(async () => {
  pair = await startPostgresPair();
});
afterAll(() => pair.stop());

function poolOf(url: string, options: { max?: number; statementTimeoutMs?: number } = {}) {
  const pool = connectPostgres(url, logger, options);
  onTestFinished(() => pool.end());
  return pool;
}
const portSql = 'SELECT inet_server_port() AS port';
const nowhere = { port: 1 };

test('of several hosts the primary is found, wherever it stands, and no client goes elsewhere', async () => {
  const { first, second } = pair;
  const hosts = [first, second].map(({ port }) => `127.0.0.1:${port}`);
  const orders = [hosts, hosts.toReversed(), [`127.0.0.1:${nowhere.port}`, ...hosts.toReversed()]];
  for (const order of orders) {
    const pool = poolOf(`postgres://seckill@${order.join(',')}/postgres`, { max: 3 });
    const asked = await Promise.all([1, 2, 3].map(() => pool.query(portSql)));
    expect(asked.map(({ rows }) => rows)).toEqual([1, 2, 3].map(() => [{ port: first.port }]));
  }
  await runMigrations(pair.urlOf(second, first));
});

test('where there are only standbys, the words say which host is what', async () => {
  const { second } = pair;
  const is = `127.0.0.1:${second.port} is a standby`;
  await expect(poolOf(pair.urlOf(second)).query(portSql)).rejects.toThrow(`${is}, no primary`);
  await expect(runMigrations(pair.urlOf(second))).rejects.toThrow(`${is}, no primary`);
  const several = `postgres://seckill@127.0.0.1:${second.port},127.0.0.1:${nowhere.port}/postgres`;
  const both = `${is}, 127.0.0.1:1 does not answer (connect ECONNREFUSED 127.0.0.1:1), no primary`;
  await expect(poolOf(several).query(portSql)).rejects.toThrow(both);
  await expect(runMigrations(several)).rejects.toThrow(both);
});

test('a primary that dies in a transaction: the next query goes to the one that was promoted, nothing is there twice', async () => {
  const { first, second } = pair;
  const pool = poolOf(pair.urlOf(first, second), { max: 4 });
  await pool.query('CREATE TABLE kept (id int PRIMARY KEY)');
  const keep = (id: number) => pool.query('INSERT INTO kept VALUES ($1) ON CONFLICT DO NOTHING', [id]);
  await Promise.all([1, 2, 3, 4].map(keep)); // each client of the pool has a link now
  const attempt = inTransaction(pool, async (client) => {
    await client.query('INSERT INTO kept VALUES (5)');
    await first.kill();
    await client.query('INSERT INTO kept VALUES (6)');
  });
  await expect(attempt).rejects.toThrow();
  await expect(keep(7)).rejects.toThrow(`127.0.0.1:${second.port} is a standby`);

  await second.promote();
  await Promise.all([4, 5, 6, 7].map(keep));
  const { rows } = await pool.query('SELECT array_agg(id ORDER BY id) AS ids FROM kept');
  expect(rows).toEqual([{ ids: [1, 2, 3, 4, 5, 6, 7] }]);
});

test('a primary that froze, was replaced and woke again is left by every client, though it still calls itself a primary', async () => {
  const { first, second } = pair; // the second is the primary now
  await first.follow();
  const pool = poolOf(pair.urlOf(first, second), { max: 2, statementTimeoutMs: 200 });
  await Promise.all([1, 2].map(() => pool.query('SELECT pg_sleep(0.05)')));
  second.pause();
  await expect(pool.query(portSql)).rejects.toThrow('Query read timeout');
  await first.promote();
  second.resume();
  await poll('the pool to go to the new primary', async () => (await pool.query(portSql)).rows[0].port === first.port);
  expect(await second.query('SELECT pg_is_in_recovery() AS standby')).toEqual([{ standby: false }]);
  const asked = await Promise.all([1, 2, 3].map(() => pool.query(portSql)));
  expect(asked.map(({ rows }) => rows)).toEqual([1, 2, 3].map(() => [{ port: first.port }]));
});
