import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';

/**
 * Brings the database to the newest schema; safe to run by several at once (an advisory lock). Names what it ran, or
 * with `dryRun` what it would.
 */
export async function runMigrations(databaseUrl: string, options: { dryRun?: boolean } = {}): Promise<string[]> {
  const done = await runner({
    databaseUrl,
    dir: fileURLToPath(new URL('.', import.meta.url)),
    ignorePattern: '.*\\.ts',
    migrationsTable: 'schema_migrations',
    direction: 'up',
    checkOrder: true,
    dryRun: options.dryRun ?? false,
    log: () => {}, // the caller says what ran
  });
  return done.map((migration) => migration.name);
}
