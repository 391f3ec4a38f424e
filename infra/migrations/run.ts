import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';

/** Brings the database to the newest schema; safe to run by several at once (an advisory lock). Names what it ran. */
export async function runMigrations(databaseUrl: string): Promise<string[]> {
  const done = await runner({
    databaseUrl,
    dir: fileURLToPath(new URL('.', import.meta.url)),
    ignorePattern: '.*\\.ts',
    migrationsTable: 'schema_migrations',
    direction: 'up',
    checkOrder: true,
    log: () => {}, // the caller says what ran
  });
  return done.map((migration) => migration.name);
}
