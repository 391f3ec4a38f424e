import { Client } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { runMigrations } from '#infra/migrations/run.ts';
import { newSlotName, silent } from '#lab/kits/cdc-lab.ts';
import { writeRows } from '#lab/kits/cdc-rows.ts';
import { poll } from '#lab/poll.ts';
import { type PairServer, startPostgresPair } from '#lab/servers/postgres-pair.ts';
import { createSource } from './create-source.ts';

/** A primary with a synchronous standby, migrated; with `settings` since its last start. Its commits wait for the standby. */
async function primaryOfPair(settings: Readonly<Record<string, string>>) {
  const pair = await startPostgresPair();
  onTestFinished(pair.stop);
  for (const [name, value] of Object.entries(settings)) await pair.first.query(`ALTER SYSTEM SET ${name} = '${value}'`);
  await pair.first.kill();
  await pair.first.start();
  await poll('the standby to be there', async () => {
    const found = await pair.first.query("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'");
    return found.length === 1;
  });
  await runMigrations(pair.first.url);
  return pair;
}

function sourceAt({ url }: PairServer) {
  const slot = newSlotName();
  const source = createSource({ databaseUrl: url, slot, logger: silent, now: Date.now });
  onTestFinished(source.close);
  return { source, slot };
}

async function connected({ url }: PairServer): Promise<Client> {
  const client = new Client(url);
  client.on('error', () => undefined); // its server is killed at the end
  await client.connect();
  onTestFinished(() => client.end().catch(() => undefined));
  return client;
}

test('what the synchronous standby does not have is not handed on, and comes when it has it', async () => {
  const { first, second } = await primaryOfPair({ wal_level: 'logical' });
  const { source } = sourceAt(first);
  const client = await connected(first);
  const rows = await writeRows(client as unknown as Parameters<typeof writeRows>[0]); // it asks by `query` alone
  await source.makeSlot();
  const { end } = await source.server();
  const stream = await source.stream({ from: end, generation: 1 });
  onTestFinished(stream.close);
  second.pause();
  const stored = rows.order();
  let isStored = false;
  void stored.then(() => {
    isStored = true;
  });
  const handed = stream.next({ gatherMs: 0, maxChanges: 1 });
  let isHanded = false;
  void handed.then(() => {
    isHanded = true;
  });
  // The change has come, and waits.
  await poll('its age to be told', () => stream.lagSeconds() > 1);
  expect([isStored, isHanded]).toEqual([false, false]);
  second.resume();
  const id = await stored;
  expect((await handed).changes.map(({ orderId }) => orderId)).toContain(id);
});

test('a slot that was unread beyond max_slot_wal_keep_size is lost, and is made anew', async () => {
  const { first } = await primaryOfPair({ wal_level: 'logical', max_slot_wal_keep_size: '1MB', max_wal_size: '32MB' });
  const { source, slot } = sourceAt(first);
  await source.makeSlot();
  expect((await source.slot()).kind).toBe('ready');
  await first.query('CREATE TABLE filler (text text)');
  await poll('the slot to be lost', async () => {
    await first.query("INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 5000)");
    await first.query('SELECT pg_switch_wal()');
    await first.query('CHECKPOINT');
    return (await source.slot()).kind === 'lost';
  });
  await source.makeSlot();
  expect(await source.slot()).toMatchObject({ kind: 'ready', holder: null });
  expect(await first.query(`SELECT wal_status FROM pg_replication_slots WHERE slot_name = '${slot}'`)).toEqual([
    { wal_status: 'reserved' },
  ]);
});

test('without wal_level = logical nothing is read, and the line says what to set', async () => {
  const { first } = await primaryOfPair({ wal_level: 'replica' });
  expect(await sourceAt(first).source.prerequisites()).toEqual([
    'wal_level is replica: set wal_level = logical in the configuration of PostgreSQL, and restart it',
  ]);
});
