import { Client } from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { runMigrations } from './run.ts';

const url = (database: string) => {
  const found = new URL(inject('servers').databaseUrl);
  found.pathname = `/${database}`;
  return found.href;
};

const admin = new Client({ connectionString: url('postgres') });
admin.on('error', () => undefined); // the next query says it
beforeAll(() => admin.connect());
afterAll(() => admin.end());

test('a database whose server ends the connection while migrations run is a rejection, not the end of the process', async () => {
  const outcomes: string[] = [];
  for (let round = 0; round < 12; round += 1) {
    const database = `migrated_${process.pid}_${round}`;
    await admin.query(`CREATE DATABASE ${database}`);
    let isRunning = true;
    const running = runMigrations(url(database))
      .then(
        () => 'done',
        (error: Error) => error.message,
      )
      .finally(() => {
        isRunning = false;
      });
    // Each round some round trips later, so that it falls into a statement, between two, and into the end of the connection.
    for (let trips = 0; trips < 60 * round && isRunning; trips += 1) await admin.query('SELECT 1');
    while (isRunning) {
      await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [database]);
    }
    outcomes.push(await running);
    await admin.query(`DROP DATABASE ${database} WITH (FORCE)`);
  }
  // vitest fails the run for an `error` event without a listener. Here: at least one round was hit, and was told so.
  expect(outcomes.filter((outcome) => /terminat|not queryable/i.test(outcome)).length).toBeGreaterThan(0);
});
