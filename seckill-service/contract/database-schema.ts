/** What the processes of this version need of the database. */
export const databaseSchema = {
  /** Where node-pg-migrate notes what it has applied. */
  migrationsTable: 'schema_migrations',
  /** The newest file of infra/migrations (a test compares). A newer database has it too. */
  newestMigration: '0013_cdc-publication',
} as const;
