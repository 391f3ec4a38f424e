import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { databaseSchema } from '#contract/database-schema.ts';
import { runMigrations } from '#infra/migrations/run.ts';
import { poll } from '#lab/poll.ts';
import { startPostgresPair } from '#lab/servers/postgres-pair.ts';
import { createLogger } from '../logger.ts';
import { connectPostgres, inTransaction } from './connect.ts';
import { schemaReady } from './schema-ready.ts';
import { postgresTroubles, readPostgresTopology } from './topology.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
let pair: Awaited<ReturnType<typeof startPostgresPair>>;

beforeAll(async () => {
  pair = await startPostgresPair();
});
afterAll(() => pair.stop());

/** Patient where the machine is slow: a connection has 10 s a host. */
function poolOf(url: string, options: { max?: number; statementTimeoutMs?: number } = {}) {
  const pool = connectPostgres(url, logger, { statementTimeoutMs: 30_000, ...options });
  pool.options.connectionTimeoutMillis = 30_000;
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
  expect(await schemaReady(poolOf(pair.urlOf(second)), databaseSchema, logger)()).toContain(`${is}, no primary`);
  const several = `postgres://seckill@127.0.0.1:${second.port},127.0.0.1:${nowhere.port}/postgres`;
  const both = `${is}, 127.0.0.1:1 does not answer (connect ECONNREFUSED 127.0.0.1:1), no primary`;
  await expect(poolOf(several).query(portSql)).rejects.toThrow(both);
  await expect(runMigrations(several)).rejects.toThrow(both);
  expect(await schemaReady(poolOf(several), databaseSchema, logger)()).toBeNull(); // the primary may be away for a while
});

test('who is the primary, and how far its standby is, is read from all hosts at once', async () => {
  const { first, second } = pair;
  const url = `postgres://seckill@127.0.0.1:${first.port},127.0.0.1:${second.port},127.0.0.1:${nowhere.port}/postgres`;
  const told = { name: `127.0.0.1:${first.port}`, kind: 'primary', timeline: 1, waitsFor: '"second"', slots: [] };
  const servers = await poll('the standby to have all', async () => {
    const read = await readPostgresTopology(url);
    const [primary] = read;
    return primary?.kind === 'primary' && primary.standbys[0]?.lagBytes === 0 && read;
  });
  expect(servers).toEqual([
    { ...told, standbys: [{ name: 'second', state: 'streaming', sync: 'sync', lagBytes: 0, lagSeconds: 0 }] },
    { name: `127.0.0.1:${second.port}`, kind: 'standby', receives: true },
    { name: '127.0.0.1:1', kind: 'away', why: 'connect ECONNREFUSED 127.0.0.1:1' },
  ]);
  const away = '127.0.0.1:1 does not answer: connect ECONNREFUSED 127.0.0.1:1';
  expect(postgresTroubles(servers)).toEqual([away]);
  expect(postgresTroubles(servers.slice(1))).toEqual(['PostgreSQL has no primary', away]);

  await first.query('CREATE ROLE plain LOGIN');
  const [asPlain] = await readPostgresTopology(pair.urlOf(first).replace('seckill@', 'plain@'));
  const untold = { name: 'second', state: null, sync: null, lagBytes: null, lagSeconds: null };
  expect(asPlain).toEqual({ ...told, standbys: [untold] });
  expect(postgresTroubles(asPlain === undefined ? [] : [asPlain])).toEqual([]);
});

test('a commit that waits for a standby is given up after a while, and the next try finds the truth', async () => {
  const { first, second } = pair;
  const pool = poolOf(pair.urlOf(first, second), { max: 2, statementTimeoutMs: 1000 });
  await pool.query('CREATE TABLE told (id int PRIMARY KEY)');
  await second.kill();
  const tell = () =>
    inTransaction(pool, (client) => client.query('INSERT INTO told VALUES (1) ON CONFLICT DO NOTHING'));
  await expect(tell()).rejects.toThrow('Query read timeout');
  expect((await pool.query('SELECT id FROM told')).rows).toEqual([]);
  await expect(tell()).rejects.toThrow('statement timeout'); // it waits for the first one's row
  expect(postgresTroubles(await readPostgresTopology(pair.urlOf(first)))).toEqual([
    `a commit on 127.0.0.1:${first.port} waits for "second", and no synchronous standby is there: nothing is stored`,
  ]);
  await second.start();
  await poll('the commit', async () => (await pool.query('SELECT id FROM told')).rows.length === 1);
  expect((await tell()).rowCount).toBe(0);
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
  const pool = poolOf(pair.urlOf(first, second), { max: 2, statementTimeoutMs: 1000 });
  const both = await Promise.all([1, 2].map(() => pool.connect()));
  for (const client of both) client.release();
  second.pause();
  await expect(pool.query(portSql)).rejects.toThrow('Query read timeout');
  await first.promote();
  second.resume();
  await poll('the pool to go to the new primary', async () => (await pool.query(portSql)).rows[0].port === first.port);
  expect(await second.query('SELECT pg_is_in_recovery() AS standby')).toEqual([{ standby: false }]);
  const asked = await Promise.all([1, 2, 3].map(() => pool.query(portSql)));
  expect(asked.map(({ rows }) => rows)).toEqual([1, 2, 3].map(() => [{ port: first.port }]));

  // Also by one that begins now and has it first in its URL; and not while the younger one is away.
  const fresh = poolOf(pair.urlOf(second, first));
  expect((await fresh.query(portSql)).rows).toEqual([{ port: first.port }]);
  await first.kill();
  for (const each of [pool, fresh])
    await expect(each.query(portSql)).rejects.toThrow(
      `127.0.0.1:${second.port} was the primary before one that is away`,
    );
  await first.start();
  for (const each of [pool, fresh]) expect((await each.query(portSql)).rows).toEqual([{ port: first.port }]);
});
