import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { databaseSchema } from '#contract/database-schema.ts';

test('the migration that processes wait for is the newest one', () => {
  const files = readdirSync(import.meta.dirname).filter((name) => /^\d{4}_/.test(name));
  expect(
    files
      .map((name) => name.slice(0, name.indexOf('.')))
      .sort()
      .at(-1),
  ).toBe(databaseSchema.newestMigration);
});

test('every process that uses PostgreSQL is ready only with that migration', () => {
  const mains = ['seckill-service', 'gateway', 'order-worker', 'infra/payment-sandbox'].map((folder) =>
    readFileSync(join(import.meta.dirname, '../..', folder, 'main.ts'), 'utf8'),
  );
  const asks = (text: string) => /ready: \{[^}]*schema: schemaReady\(pool, databaseSchema, logger\)/s.test(text);
  expect(mains.map((text) => [text.includes('connectPostgres('), asks(text)])).toEqual([
    ...[0, 1, 2].map(() => [true, true]),
    [false, false],
  ]);
});
