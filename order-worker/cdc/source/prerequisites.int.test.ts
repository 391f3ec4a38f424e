import { randomBytes } from 'node:crypto';
import { afterAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { cdcNames } from '#contract/cdc.ts';
import { makeCdcRole } from '#infra/migrations/cdc-role.ts';
import { type CdcDatabase, dropSlot, newSlotName, openCdcDatabase, silent } from '#lab/kits/cdc-lab.ts';
import { createSource } from './create-source.ts';

const user = `t_${randomBytes(4).toString('hex')}`;
let database: CdcDatabase;
const all: CdcDatabase[] = [];

beforeEach(async () => {
  database = await openCdcDatabase();
  all.push(database);
});
afterAll(async () => {
  const [last] = all.slice(-1);
  for (const each of all) await each.pool.query(`DROP OWNED BY ${user}`).catch(() => undefined);
  await last?.pool.query(`DROP ROLE IF EXISTS ${user}`);
  await Promise.all(all.map((each) => each.close()));
});

const cdcUrl = () => {
  const url = new URL(database.url);
  url.username = user;
  url.password = 'secret';
  return url.href;
};
const sourceAt = (databaseUrl: string, slot = newSlotName()) => {
  const source = createSource({ databaseUrl, slot, logger: silent, now: Date.now });
  onTestFinished(source.close);
  return source;
};
const linesAt = (url: string) => sourceAt(url).prerequisites();

test('the role that migrate makes lacks nothing; each right that is taken away is a line', async () => {
  const { pool } = database;
  await makeCdcRole({ databaseUrl: database.url, cdcUrl: cdcUrl() });
  expect(await linesAt(cdcUrl())).toEqual([]);
  await pool.query(
    `ALTER ROLE ${user} NOREPLICATION; REVOKE SELECT (state) ON orders FROM ${user}; REVOKE pg_monitor FROM ${user}`,
  );
  expect(await linesAt(cdcUrl())).toEqual([
    `the role ${user} may not replicate: run "seckill migrate" with SECKILL_CDC_DATABASE_URL, or ALTER ROLE ${user} REPLICATION`,
    `the role ${user} may not read orders.state: run "seckill migrate" with SECKILL_CDC_DATABASE_URL`,
    `the role ${user} may not see what the standbys have: GRANT pg_monitor TO ${user}`,
  ]);
  await makeCdcRole({ databaseUrl: database.url, cdcUrl: cdcUrl() });
  expect(await linesAt(cdcUrl())).toEqual([]);
});

test.each<[string, string, RegExp]>([
  [
    'no publication',
    `DROP PUBLICATION ${cdcNames.publication}`,
    /^there is no publication seckill_cdc: run "seckill migrate"$/,
  ],
  [
    'a table that is missing',
    `ALTER PUBLICATION ${cdcNames.publication} DROP TABLE refunds`,
    /lacks the table refunds/,
  ],
  [
    'a column that is missing',
    `ALTER PUBLICATION ${cdcNames.publication} DROP TABLE order_events;
     ALTER PUBLICATION ${cdcNames.publication} ADD TABLE order_events (seq, order_id, version, type)`,
    /lacks order_events\.data, order_events\.created_at/,
  ],
  [
    'a table too many',
    `ALTER PUBLICATION ${cdcNames.publication} ADD TABLE sales (id)`,
    /has sales, too: DROP PUBLICATION/,
  ],
  [
    'a row filter',
    `ALTER PUBLICATION ${cdcNames.publication} DROP TABLE order_events;
     ALTER PUBLICATION ${cdcNames.publication} ADD TABLE order_events (seq, order_id, version, type, data, created_at) WHERE (seq > 5)`,
    /leaves out rows of order_events by a filter/,
  ],
  [
    'no updates',
    `ALTER PUBLICATION ${cdcNames.publication} SET (publish = 'insert')`,
    /leaves out inserts, updates or deletes/,
  ],
])('a publication with %s is told, with what mends it', async (_what, sql, words) => {
  await database.pool.query(sql);
  expect(await linesAt(database.url)).toEqual([expect.stringMatching(words)]);
});

test('a slot that another connection reads is held, and says by whom', async () => {
  const slot = newSlotName();
  const [one, two] = [sourceAt(database.url, slot), sourceAt(database.url, slot)];
  onTestFinished(() => dropSlot(database.pool, slot).then(() => undefined));
  await one.makeSlot();
  const { end } = await one.server();
  const stream = await one.stream({ from: end, generation: 1 });
  expect(await two.slot()).toMatchObject({ kind: 'held', holder: expect.stringMatching(/^pid \d+ \(seckill cdc on /) });
  await expect(two.stream({ from: end, generation: 1 })).rejects.toThrow(/is active for PID \d+/);
  await stream.close();
});

test('a column that a newer database publishes comes as text and is told; values beyond 2^53 are exact', async () => {
  const { pool, url, rows } = database;
  const told: string[] = [];
  const slot = newSlotName();
  const source = createSource({
    ...{ databaseUrl: url, slot, logger: silent, now: Date.now },
    onUnknownColumns: (table, names) => told.push(`${table} ${names.join()}`),
  });
  onTestFinished(async () => {
    await source.close();
    await dropSlot(pool, slot);
  });
  await source.makeSlot();
  const { end } = await source.server();
  const stream = await source.stream({ from: end, generation: 1 });
  await rows.order();
  await pool.query(`ALTER TABLE orders ADD COLUMN gift integer;
    ALTER PUBLICATION ${cdcNames.publication} SET TABLE
      orders (id, sale_id, user_id, quantity, place, state, amount, currency, pay_by, version, accepted_at, created_at, updated_at, gift),
      order_events (seq, order_id, version, type, data, created_at)`);
  const id = await rows.order({ amount: '9007199254740993' });
  let after: unknown = null;
  while (after === null) {
    const { changes } = await stream.next({ gatherMs: 0, maxChanges: 1 });
    after = changes.find(({ table, orderId }) => table === 'orders' && orderId === id)?.envelope.after ?? null;
  }
  await stream.close();
  expect(after).toMatchObject({ amount: '9007199254740993', gift: null });
  expect(told).toEqual(['orders gift']);
});
