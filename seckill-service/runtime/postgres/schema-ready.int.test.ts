import { expect, onTestFinished, test, vi } from 'vitest';
import { databaseSchema } from '#contract/database-schema.ts';
import { cloneDatabase } from '#lab/servers/database.ts';
import { createLogger } from '../logger.ts';
import { connectPostgres } from './connect.ts';
import { schemaReady } from './schema-ready.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });

async function cloned() {
  const { url, drop } = await cloneDatabase();
  const pool = connectPostgres(url, logger, { max: 1 });
  onTestFinished(async () => {
    await pool.end();
    await drop();
  });
  return pool;
}

test('a process is not ready before the newest migration, and asks no more after it', async () => {
  const pool = await cloned();
  const table = databaseSchema.migrationsTable;
  const warn = vi.spyOn(logger, 'warn');
  const asked = vi.spyOn(pool, 'query');
  const ready = schemaReady(pool, databaseSchema, logger);
  const lacks = `the database lacks migration ${databaseSchema.newestMigration}: run "seckill migrate"`;

  await pool.query(`ALTER TABLE ${table} RENAME TO elsewhere`); // nothing was ever applied
  expect(await ready()).toBe(lacks);
  await pool.query(`ALTER TABLE elsewhere RENAME TO ${table}`);
  const { rows } = await pool.query(`DELETE FROM ${table} WHERE name = $1 RETURNING *`, [
    databaseSchema.newestMigration,
  ]);
  expect(rows).toHaveLength(1);
  expect(await ready()).toBe(lacks);
  expect(warn).toHaveBeenCalledExactlyOnceWith(expect.anything(), lacks);

  await pool.query(`INSERT INTO ${table} (name, run_on) VALUES ($1, now())`, [databaseSchema.newestMigration]);
  expect(await ready()).toBeNull();
  asked.mockClear();
  expect([await ready(), await ready()]).toEqual([null, null]);
  expect(asked).not.toHaveBeenCalled();
});

test('a database that does not answer keeps no process from a sale that goes on without it', async () => {
  const pool = connectPostgres('postgres://nobody@127.0.0.1:1/none', logger, { max: 1 });
  onTestFinished(() => pool.end());
  expect(await schemaReady(pool, databaseSchema, logger)()).toBeNull();
});
