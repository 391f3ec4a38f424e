import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import type { Pool } from 'pg';
import { type CdcEnvelope, type CdcRow, type CdcTable, cdcTableNames, cdcTables } from '#contract/cdc.ts';

const decompress = promisify(zstdDecompress);

/** What the data team has of the tables: each row as its highest change says. */
export type ReadTables = { rows: Map<string, CdcRow>; changes: number; doubles: number };

/** Of one row the change with the highest (generation, lsn, seq) counts. */
const isLater = ({ source: a }: CdcEnvelope, { source: b }: CdcEnvelope) =>
  a.generation !== b.generation ? a.generation > b.generation : a.lsn !== b.lsn ? a.lsn > b.lsn : a.seq > b.seq;

const placeOf = ({ source: { table, generation, lsn, seq } }: CdcEnvelope, key: string) =>
  `${table} ${key} ${generation} ${lsn} ${seq}`;

export function tablesOf(envelopes: Iterable<CdcEnvelope>): ReadTables {
  const latest = new Map<string, CdcEnvelope>();
  const seen = new Set<string>();
  let [changes, doubles] = [0, 0];
  for (const envelope of envelopes) {
    const { table } = envelope.source;
    const key = String((envelope.after ?? envelope.before)?.[cdcTables[table].key]);
    changes += 1;
    const place = placeOf(envelope, key);
    if (seen.has(place)) doubles += 1;
    seen.add(place);
    const before = latest.get(`${table} ${key}`);
    if (before === undefined || isLater(envelope, before)) latest.set(`${table} ${key}`, envelope);
  }
  const rows = [...latest].flatMap(([key, { after }]) => (after === null ? [] : [[key, after] as const]));
  return { rows: new Map(rows), changes, doubles };
}

/** Every change in the files of a directory, by the glob that the data team uses. */
export async function readChangeFiles(dir: string): Promise<CdcEnvelope[]> {
  const names = await readdir(dir, { recursive: true });
  const envelopes: CdcEnvelope[] = [];
  for (const name of names.filter((each) => each.endsWith('.ndjson.zst')).sort()) {
    const text = String(await decompress(await readFile(join(dir, name))));
    for (const line of text.split('\n')) if (line !== '') envelopes.push(JSON.parse(line));
  }
  return envelopes;
}

export type Difference = { missing: string[]; different: string[]; extra: string[] };

/** Compares with what the database has, each published column of each row, as PostgreSQL itself writes it in this form. */
export async function compareWithTables(pool: Pick<Pool, 'query'>, read: ReadTables): Promise<Difference> {
  const stored = new Map<string, CdcRow>();
  for (const table of cdcTableNames) {
    const { rows } = await pool.query<{ row: CdcRow }>(`SELECT ${objectOf(table)} AS row FROM ${table}`);
    for (const { row } of rows) stored.set(`${table} ${row[cdcTables[table].key]}`, row);
  }
  const isSame = (one: CdcRow, other: CdcRow | undefined) =>
    other !== undefined && Object.entries(one).every(([name, value]) => other[name] === value);
  return {
    missing: [...stored.keys()].filter((key) => !read.rows.has(key)),
    different: [...stored]
      .filter(([key, row]) => read.rows.has(key) && !isSame(row, read.rows.get(key)))
      .map(([key]) => key),
    extra: [...read.rows.keys()].filter((key) => !stored.has(key)),
  };
}

function objectOf(table: CdcTable): string {
  const pairs = Object.entries(cdcTables[table].columns).map(([name, type]) => {
    if (type === 'time') return `'${name}', to_char(${name} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
    return `'${name}', ${type === 'integer' ? name : `${name}::text`}`;
  });
  return `json_build_object(${pairs.join(', ')})`;
}
