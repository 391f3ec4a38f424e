import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { Pool } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { cdcTableNames, cdcTables } from '#contract/cdc.ts';
import { compareWithTables, readChangeFiles, tablesOf } from '#lab/kits/cdc-reader.ts';
import { writeRows } from '#lab/kits/cdc-rows.ts';
import { poll } from '#lab/poll.ts';
import { cloneDatabase } from '#lab/servers/database.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { startLeading } from '#order-worker/cdc/lead.ts';
import { createCdcMetrics } from '#order-worker/cdc/metrics.ts';
import { createFilesSink } from '#order-worker/cdc/sinks/files/files-sink.ts';
import { createSource } from '#order-worker/cdc/source/create-source.ts';
import { createLogger } from '#runtime/logger.ts';
import { createRegistry } from '#runtime/metrics.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
const page = readFileSync(resolve(import.meta.dirname, '../../docs/data-team.md'), 'utf8');
const query = /```sql\n([\s\S]*?)```/.exec(page)?.[1] ?? '';

test('the query of the page shows each table as PostgreSQL has it, to the row, with doubles in the files', async () => {
  const database = await cloneDatabase();
  const pool = new Pool({ connectionString: database.url });
  const slot = `t_${crypto.randomUUID().replaceAll('-', '')}`;
  const home = temporaryDirectory('cdc-duckdb');
  const dir = join(home, 'cdc');
  let request: { id: string; at: number } | null = null;
  const source = createSource({ databaseUrl: database.url, slot, logger, now: Date.now });
  const lead = startLeading({
    ...{ source, logger, now: Date.now, random: Math.random, isLeader: () => true, onStanding: () => undefined },
    metrics: createCdcMetrics([createRegistry()], () => 0),
    makeSink: async () => createFilesSink({ dir, logger, now: Date.now }),
    request: async () => request,
  });
  onTestFinished(async () => {
    await lead.close();
    await source.close();
    await poll('the slot to be dropped', () => pool.query('SELECT pg_drop_replication_slot($1)', [slot]));
    await pool.end();
    await database.drop();
    await rm(home, { recursive: true, force: true });
  });

  const rows = await writeRows(pool);
  for (let n = 0; n < 20; n += 1) await rows.order();
  await poll('it to stream', () => lead.standing().state === 'streaming');
  for (let n = 0; n < 20; n += 1) await rows.refund(await rows.order());
  for (let n = 0; n < 20; n += 1) await rows.expire(await rows.order());
  request = { id: 'again', at: 0 }; // every row once more
  await poll('the next generation', () => lead.standing().generation === 2 && lead.standing().state === 'streaming');
  await rows.refund(await rows.order());
  await poll('the files to be whole', async () => {
    const { missing, different } = await compareWithTables(pool, tablesOf(await readChangeFiles(dir)));
    return missing.length + different.length === 0;
  });

  const duck = await (await DuckDBInstance.create()).connect();
  onTestFinished(() => duck.closeSync());
  for (const table of cdcTableNames) {
    const { key, columns } = cdcTables[table];
    const own = query.replace('cdc/orders/', `${dir}/${table}/`).replace('after.id', `after.${key}`);
    const [inDuck, inPostgres] = [[], []] as [string[], string[]];
    for (const [name, type] of Object.entries(columns)) {
      inDuck.push(type === 'time' ? `epoch_us(${name}) AS ${name}` : `CAST(${name} AS VARCHAR) AS ${name}`);
      inPostgres.push(
        type === 'time' ? `(extract(epoch FROM ${name}) * 1000000)::bigint::text AS ${name}` : `${name}::text`,
      );
    }
    const seen = await duck.runAndReadAll(`SELECT ${inDuck.join(', ')} FROM (${own})`);
    const stored = await pool.query(`SELECT ${inPostgres.join(', ')} FROM ${table}`);
    const asText = (row: Record<string, unknown>) =>
      Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value === null ? null : String(value)]));
    const byKey = (list: Record<string, unknown>[]) =>
      list.map(asText).sort((a, b) => (String(a[key]) < String(b[key]) ? -1 : 1));
    expect(byKey(seen.getRowObjectsJS()), table).toEqual(byKey(stored.rows));
    expect(stored.rows.length, table).toBeGreaterThan(0);
  }
});
