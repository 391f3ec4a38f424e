import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Pool } from 'pg';
import { onTestFinished } from 'vitest';
import type { CdcFilled, CdcRequest } from '#contract/cdc.ts';
import { type Lead, startLeading } from '#order-worker/cdc/lead.ts';
import { createCdcMetrics } from '#order-worker/cdc/metrics.ts';
import type { CdcSink } from '#order-worker/cdc/port/sink.ts';
import { createFilesSink } from '#order-worker/cdc/sinks/files/files-sink.ts';
import { createSource } from '#order-worker/cdc/source/create-source.ts';
import { createLogger } from '#runtime/logger.ts';
import { createRegistry } from '#runtime/metrics.ts';
import { poll } from '../poll.ts';
import { cloneDatabase } from '../servers/database.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { compareWithTables, readChangeFiles, tablesOf } from './cdc-reader.ts';
import { writeRows } from './cdc-rows.ts';

export const silent = createLogger({ service: 'test', instance: 'test', level: 'silent' });
/** Slots are the whole server's, which tests share. */
export const newSlotName = (): string => `t_${crypto.randomUUID().replaceAll('-', '')}`;

export type CdcDatabase = Awaited<ReturnType<typeof openCdcDatabase>>;

/** A database of a file's own, with a sale, and what writes rows of orders into it. `close` it when done. */
export async function openCdcDatabase() {
  const database = await cloneDatabase();
  const pool = new Pool({ connectionString: database.url });
  return {
    url: database.url,
    pool,
    rows: await writeRows(pool),
    close: async () => {
      await pool.end();
      await database.drop();
    },
  };
}

/** Once no connection reads it. */
export const dropSlot = (pool: Pick<Pool, 'query'>, slot: string): Promise<unknown> =>
  poll('the slot to be dropped', () =>
    pool
      .query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1', [slot])
      .then(() => true),
  );

/** The data team's process, at a slot and a directory of the test's own, as often as the test starts it. Inside a test. */
export function cdcLab({ url, pool }: Pick<CdcDatabase, 'url' | 'pool'>) {
  const slot = newSlotName();
  const home = temporaryDirectory('cdc');
  const dir = join(home, 'cdc');
  const running = new Set<Lead>();
  let request: CdcRequest | null = null;
  let filled: CdcFilled | null = null;
  onTestFinished(async () => {
    await Promise.all([...running].map((lead) => lead.close()));
    await dropSlot(pool, slot);
    await rm(home, { recursive: true, force: true });
  });
  const start = (options: { isLeader?: () => boolean; sink?: (files: CdcSink) => CdcSink } = {}) => {
    const source = createSource({ databaseUrl: url, slot, logger: silent, now: Date.now });
    const lead = startLeading({
      ...{ source, logger: silent, now: Date.now, random: Math.random, onStanding: () => undefined },
      metrics: createCdcMetrics([createRegistry()], () => 0),
      isLeader: options.isLeader ?? (() => true),
      makeSink: async () =>
        (options.sink ?? ((files) => files))(createFilesSink({ dir, logger: silent, now: Date.now })),
      request: async () => request,
      // As ZooKeeper keeps it for the processes: beyond the end of one.
      filled: {
        read: async () => filled,
        note: async (noted) => {
          filled = noted;
        },
      },
    });
    running.add(lead);
    return {
      standing: lead.standing,
      streams: () => poll('it to stream', () => lead.standing().state === 'streaming'),
      close: async () => {
        running.delete(lead);
        await lead.close();
        await source.close();
      },
    };
  };
  const read = async () => tablesOf(await readChangeFiles(dir));
  return {
    ...{ dir, start, read },
    loseSlot: () => dropSlot(pool, slot),
    ask: (id: string) => {
      request = { id, at: Date.now() };
    },
    /** All that is in the tables is in the files, exactly. */
    isWhole: () =>
      poll('the files to be as the tables are', async () => {
        const { missing, different, extra } = await compareWithTables(pool, await read());
        return missing.length + different.length + extra.length === 0;
      }),
  };
}
