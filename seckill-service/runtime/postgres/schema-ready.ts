import { withDeadline } from '../deadline.ts';
import { createThrottledWarn, type Logger } from '../logger.ts';
import type { Pool } from './connect.ts';
import { NoPrimary } from './primary-search.ts';

/** A probe has 3 s for all of its checks. */
const answerWithinMs = 1000;
const undefinedTable = '42P01';

/**
 * Whether the database has the migration that this process was written for; null when it has. Once seen it stays: a schema
 * only grows. A database that does not answer is no trouble here: a sale goes on without PostgreSQL, also through a process
 * that was started meanwhile. What cannot do without it asks by `postgresReady` too. One whose every host is a standby does
 * answer, and can never store an order: that is trouble.
 */
export function schemaReady(
  pool: Pool,
  wanted: { migrationsTable: string; newestMigration: string },
  logger: Logger,
): () => Promise<string | null> {
  const { migrationsTable, newestMigration } = wanted;
  const trouble = `the database lacks migration ${newestMigration}: run "seckill migrate"`;
  const warn = createThrottledWarn(logger, 60_000);
  let isThere = false;
  return async () => {
    if (isThere) return null;
    const state = await look(pool, migrationsTable, newestMigration);
    isThere = state === 'there';
    if (state === 'there' || state === 'unknown') return null;
    const words = state === 'missing' ? trouble : state.words;
    warn(undefined, words);
    return words;
  };
}

type State = 'there' | 'missing' | 'unknown' | { words: string };

async function look(pool: Pool, table: string, migration: string): Promise<State> {
  try {
    const asked = pool.query(`SELECT 1 FROM ${table} WHERE name = $1`, [migration]);
    const { rowCount } = await withDeadline(asked, answerWithinMs, 'looking for the schema');
    return rowCount === 0 ? 'missing' : 'there';
  } catch (error) {
    if (error instanceof NoPrimary && error.areAllStandbys) return { words: error.message };
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    return code === undefinedTable ? 'missing' : 'unknown';
  }
}
