import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, onTestFinished, test } from 'vitest';
import { cdcTableNames, cdcTables } from '#contract/cdc.ts';
import { cdcLab, openCdcDatabase } from '#lab/kits/cdc-lab.ts';
import { poll } from '#lab/poll.ts';

const page = readFileSync(resolve(import.meta.dirname, '../../docs/data-team.md'), 'utf8');
const query = /```sql\n([\s\S]*?)```/.exec(page)?.[1] ?? '';

test('the query of the page shows each table as PostgreSQL has it, to the row, with doubles in the files', async () => {
  const database = await openCdcDatabase();
  onTestFinished(database.close);
  const { pool, rows } = database;
  const { dir, start, ask, isWhole } = cdcLab(database);
  for (let n = 0; n < 20; n += 1) await rows.order();
  const cdc = start();
  await cdc.streams();
  for (let n = 0; n < 20; n += 1) await rows.refund(await rows.order());
  for (let n = 0; n < 20; n += 1) await rows.expire(await rows.order());
  ask('again'); // every row once more
  await poll('the next generation', () => cdc.standing().generation === 2 && cdc.standing().state === 'streaming');
  await rows.refund(await rows.order());
  await isWhole();

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
