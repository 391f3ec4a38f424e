import type { Client } from 'pg';
import { type CdcTable, cdcTableNames, cdcTables } from '#contract/cdc.ts';
import { lsnNumber, parseLsn } from '../port/lsn.ts';
import type { CdcChange } from '../port/sink.ts';
import { rowOf } from './row-values.ts';

const rowsAPart = 2000;

/** A slot that ends with its connection, and the snapshot that it exports: good until the next command over that connection. */
export async function exportSnapshot(
  replication: Pick<Client, 'query'>,
  name: string,
): Promise<{ lsn: string; snapshot: string }> {
  const { rows } = await replication.query<{ consistent_point: string; snapshot_name: string }>(
    `CREATE_REPLICATION_SLOT "${name}" TEMPORARY LOGICAL pgoutput (SNAPSHOT 'export')`,
  );
  const [row] = rows;
  if (row === undefined) throw new Error('PostgreSQL made a slot and did not say where');
  return { lsn: row.consistent_point, snapshot: row.snapshot_name };
}

/** Reads every published column of every row, as they were when the snapshot was exported. Each value comes as PostgreSQL's text. */
export async function readTables(options: {
  client: Pick<Client, 'query'>;
  exported: { lsn: string; snapshot: string };
  db: string;
  generation: number;
  signal: AbortSignal;
  now: () => number;
  onRows: (changes: readonly CdcChange[]) => Promise<void>;
}): Promise<void> {
  const { client, exported, db, generation, signal, now, onRows } = options;
  const lsn = lsnNumber(parseLsn(exported.lsn));
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  // A literal: SET takes no parameters. It is PostgreSQL's own text, digits and hyphens.
  await client.query(`SET TRANSACTION SNAPSHOT '${exported.snapshot.replaceAll("'", '')}'`);
  const takenMs = now();
  for (const table of cdcTableNames) {
    await client.query(`DECLARE part NO SCROLL CURSOR FOR SELECT ${columnsOf(table)} FROM ${table}`);
    for (;;) {
      signal.throwIfAborted();
      const { rows } = await client.query<Record<string, string | null>>(`FETCH ${rowsAPart} FROM part`);
      if (rows.length === 0) break;
      await onRows(rows.map((texts) => changeOf(table, texts)));
    }
    await client.query('CLOSE part');
  }
  await client.query('COMMIT');

  function changeOf(table: CdcTable, texts: Record<string, string | null>): CdcChange {
    const after = rowOf(table, texts);
    return {
      table,
      orderId: String(after[cdcTables[table].orderId]),
      envelope: {
        before: null,
        after,
        op: 'r',
        ts_ms: now(),
        source: {
          ...{ connector: 'seckill', name: 'seckill', db, schema: 'public', table },
          ...{ ts_ms: takenMs, snapshot: 'true', txId: null, lsn, seq: 0, generation },
        },
      },
    };
  }
}

const columnsOf = (table: CdcTable): string =>
  Object.keys(cdcTables[table].columns)
    .map((name) => `${name}::text`)
    .join(', ');
