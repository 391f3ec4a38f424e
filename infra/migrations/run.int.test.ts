import { Client } from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { cloneDatabase } from '#lab/servers/database.ts';
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

test('the index of the orders of a user is built while orders are stored, also after a build that was cut off', async () => {
  const steps: string[] = [];
  let inTransaction = true;
  const { up } = await import(new URL('./0012_orders-of-a-user.mjs', import.meta.url).href);
  up({ sql: (step: string) => steps.push(step), noTransaction: () => (inTransaction = false) });
  expect(inTransaction).toBe(false);
  const own = await cloneDatabase();
  const clients = [0, 1, 2, 3].map(() => new Client({ connectionString: own.url }));
  const [open, next, looking, migrating] = clients as [Client, Client, Client, Client];
  await Promise.all(clients.map((client) => client.connect()));
  // As it was before; what a build left that was cut off has the name already.
  await open.query(`DROP INDEX orders_user_newest`);
  await open.query(`CREATE INDEX orders_user_newest ON orders (user_id)`);
  await open.query(`CREATE INDEX orders_user ON orders (user_id, sale_id)`);
  await open.query('BEGIN');
  await open.query('LOCK TABLE orders IN ROW EXCLUSIVE MODE'); // as an insert does
  const migrated = (async () => {
    for (const step of steps) await migrating.query(step);
  })();
  await poll('the migration to wait for the transaction that is open', async () => {
    const { rows } = await looking.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND query ~ 'INDEX CONCURRENTLY' AND wait_event_type = 'Lock'`,
    );
    return rows.length === 1;
  });
  await next.query(`SET lock_timeout = '5s'`);
  await next.query('BEGIN');
  await next.query('LOCK TABLE orders IN ROW EXCLUSIVE MODE'); // it waits for nothing
  await next.query('COMMIT');
  await open.query('COMMIT');
  await migrated;
  const { rows } = await looking.query<{ indexdef: string }>(
    `SELECT indexdef FROM pg_indexes JOIN pg_index ON indexrelid = indexname::regclass AND indisvalid WHERE indexname ~ '^orders_user'`,
  );
  expect(rows.map(({ indexdef }) => indexdef)).toEqual([
    'CREATE INDEX orders_user_newest ON public.orders USING btree (user_id, accepted_at)',
  ]);
  await Promise.all(clients.map((client) => client.end()));
  await own.drop();
});
