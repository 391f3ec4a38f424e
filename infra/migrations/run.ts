import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import { databaseSchema } from '#contract/database-schema.ts';
import { connectClient } from '#runtime/postgres/connect.ts';

/**
 * Brings the database to the newest schema; safe to run by several at once (an advisory lock). Names what it ran, or
 * with `dryRun` what it would. Rejects when the database goes away meanwhile.
 */
export async function runMigrations(databaseUrl: string, options: { dryRun?: boolean } = {}): Promise<string[]> {
  // A client of our own: the runner's has no `error` listener, and its end is not awaited. A server that stops in such a moment
  // would end this process.
  const client = await connectClient(databaseUrl, { connectionTimeoutMillis: 5_000 });
  try {
    const done = await runner({
      dbClient: client,
      dir: fileURLToPath(new URL('.', import.meta.url)),
      ignorePattern: '.*\\.ts',
      migrationsTable: databaseSchema.migrationsTable,
      direction: 'up',
      checkOrder: true,
      dryRun: options.dryRun ?? false,
      log: () => {}, // the caller says what ran
    });
    return done.map((migration) => migration.name);
  } finally {
    await client.end().catch(() => undefined);
  }
}
