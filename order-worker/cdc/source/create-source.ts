import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { Client, type ClientConfig } from 'pg';
import { type CdcTable, cdcNames, cdcTables } from '#contract/cdc.ts';
import { withDeadline } from '#runtime/deadline.ts';
import type { Logger } from '#runtime/logger.ts';
import { findPrimaryUrl } from '#runtime/postgres/connect.ts';
import { parseLsn } from '../port/lsn.ts';
import { readPrerequisites } from './prerequisites.ts';
import { settledLsn } from './settled.ts';
import { makeSlot, readSlot } from './slot.ts';
import { exportSnapshot, readTables } from './snapshot.ts';
import type { CdcSource } from './source.ts';
import { openStream } from './stream.ts';

const connectWithinMs = 3000;
const statementWithinMs = 5000;
/** A slot waits for the transactions that are under way. Ours are short; a backup's or an analyst's may be long. */
const slotWithinMs = 600_000;
/** One part of a table, on a machine that is busy. */
const partWithinMs = 60_000;

/** PostgreSQL's own texts of times are read: they are to be in UTC, in ISO's form. */
const textForm = '-c TimeZone=UTC -c DateStyle=ISO,YMD -c IntervalStyle=iso_8601';
/** A walsender that decodes a large transaction of other tables says so after half of it: silence for longer is a dead link (stream.ts). */
const streamForm = '-c wal_sender_timeout=10s';

async function timelineOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ timeline: number }>(`SELECT ${timelineSql} AS timeline`);
  return rows[0]?.timeline ?? 0;
}
const timelineSql = "('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int";

/** Of the lines `<timeline>\t<place>\t<reason>` of a timeline's history: where that timeline was left. */
export function timelineEndIn(history: string, timeline: number): string | null {
  const line = history.split('\n').find((each) => Number(/^\s*(\d+)\s/.exec(each)?.[1]) === timeline);
  return line === undefined ? null : (/^\s*\d+\s+(\S+)/.exec(line)?.[1] ?? null);
}

/**
 * The source at a database's URL, on the primary of its hosts. Each question has a connection of its own, which ends with it; the stream
 * has two: one for what it reads, one that asks how far that is settled.
 */
export function createSource(options: {
  databaseUrl: string;
  slot?: string;
  publication?: string;
  logger: Logger;
  now: () => number;
  /** Changes of the stream that are read a second, at most; null, or left out: as fast as they come. */
  changesPerSecond?: number | null;
  /** Columns that the database publishes and this version does not know. */
  onUnknownColumns?: (table: CdcTable, names: readonly string[]) => void;
}): CdcSource {
  const { databaseUrl, slot = cdcNames.slot, publication = cdcNames.publication, logger, now } = options;
  const open = new Set<Client>();

  async function config(statementMs: number): Promise<ClientConfig> {
    return {
      connectionString: await findPrimaryUrl(databaseUrl, connectWithinMs),
      connectionTimeoutMillis: connectWithinMs,
      application_name: `seckill cdc on ${hostname()}`,
      keepAlive: true,
      options: textForm,
      ...(statementMs === 0 ? {} : { query_timeout: statementMs }),
    };
  }

  async function streamConfig(): Promise<ClientConfig> {
    const base = await config(0);
    return { ...base, options: `${base.options} ${streamForm}` };
  }

  async function connect(statementMs: number, replication = false): Promise<Client> {
    const client = new Client({
      ...(await config(statementMs)),
      ...(replication ? { replication: 'database' } : {}),
    } as ClientConfig); // the driver's type does not know `replication`
    client.on('error', () => undefined); // the query under way rejects
    await client.connect();
    open.add(client);
    client.once('end', () => open.delete(client));
    return client;
  }

  async function asking<T>(ask: (client: Client) => Promise<T>, statementMs = statementWithinMs): Promise<T> {
    const client = await connect(statementMs);
    try {
      return await ask(client);
    } finally {
      await leave(client);
    }
  }

  async function leave(client: Client): Promise<void> {
    open.delete(client);
    await withDeadline(client.end(), 1000, 'closing a connection').catch(() => undefined);
  }

  const dbOf = async (client: Client) => {
    const { rows } = await client.query<{ db: string }>('SELECT current_database() AS db');
    return rows[0]?.db ?? '';
  };

  return {
    prerequisites: () => asking((client) => readPrerequisites(client, publication)),
    slot: () => asking((client) => readSlot(client, slot)),
    makeSlot: () => asking((client) => makeSlot(client, slot), slotWithinMs),
    server: () =>
      asking(async (client) => {
        const { rows } = await client.query<{ system: string; timeline: number; end: string }>(
          `SELECT system_identifier::text AS system, pg_current_wal_lsn()::text AS "end",
                  ${timelineSql} AS timeline
             FROM pg_control_system()`,
        );
        const [row] = rows;
        if (row === undefined) throw new Error('PostgreSQL does not say which server it is');
        return row;
      }),
    timelineEnd: async (timeline) => {
      const present = await asking(timelineOf);
      if (present <= timeline) return null;
      const client = await connect(statementWithinMs, true);
      try {
        const { rows } = await client.query<{ content: Buffer | string }>(`TIMELINE_HISTORY ${present}`);
        return timelineEndIn(String(rows[0]?.content ?? ''), timeline);
      } finally {
        await leave(client);
      }
    },
    snapshot: async ({ generation, signal, onRows }) => {
      const replication = await connect(slotWithinMs, true);
      try {
        const name = `${slot}_${randomBytes(4).toString('hex')}`;
        logger.info({ slot: name }, 'waiting for a moment at which the tables can be read');
        const exported = await exportSnapshot(replication, name);
        const client = await connect(partWithinMs);
        try {
          // What a failover could still take back is not shown: the snapshot is read when the synchronous standby has all that is in it.
          while ((await settledLsn(client)) < parseLsn(exported.lsn)) {
            signal.throwIfAborted();
            await wait(50);
          }
          const db = await dbOf(client);
          await readTables({ client, exported, db, generation, signal, now, onRows });
        } finally {
          await leave(client);
        }
        return { lsn: exported.lsn };
      } finally {
        await leave(replication);
      }
    },
    stream: async ({ from, generation }) => {
      const asker = await connect(statementWithinMs);
      try {
        const stream = await openStream({
          ...{ slot, publication, from, generation, now },
          client: await streamConfig(),
          db: await dbOf(asker),
          settled: () => settledLsn(asker),
          changesPerSecond: options.changesPerSecond ?? null,
          onColumns: judgeColumns,
        });
        return {
          ...stream,
          close: async () => {
            await stream.close();
            await leave(asker);
          },
        };
      } catch (error) {
        await leave(asker);
        throw error;
      }
    },
    close: async () => {
      await Promise.all([...open].map(leave));
    },
  };

  /** Throws where a column that this version reads is gone: what it held would be missing from each change, and not be told. */
  function judgeColumns(table: CdcTable, names: readonly string[]): void {
    const known = Object.keys(cdcTables[table].columns);
    const lacking = known.filter((name) => !names.includes(name));
    if (lacking.length > 0)
      throw new Error(
        `the database publishes no ${table}.${lacking.join(`, ${table}.`)} any more: run "seckill migrate"`,
      );
    const unknown = names.filter((name) => !known.includes(name));
    if (unknown.length === 0) return;
    logger.warn(
      { table, columns: unknown },
      'the database publishes columns that this version does not know: they are passed on as text',
    );
    options.onUnknownColumns?.(table, unknown);
  }
}
