import { rm } from 'node:fs/promises';
import { Pool } from 'pg';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { CdcRequest } from '#contract/cdc.ts';
import { compareWithTables, readChangeFiles, tablesOf } from '#lab/kits/cdc-reader.ts';
import { type RowWriter, writeRows } from '#lab/kits/cdc-rows.ts';
import { poll } from '#lab/poll.ts';
import { cloneDatabase, type OwnDatabase } from '#lab/servers/database.ts';
import { temporaryDirectory } from '#lab/temporary-directory.ts';
import { createLogger } from '#runtime/logger.ts';
import { createRegistry } from '#runtime/metrics.ts';
import { type Lead, startLeading } from './lead.ts';
import { createCdcMetrics } from './metrics.ts';
import type { CdcSink } from './port/sink.ts';
import { createFilesSink } from './sinks/files/files-sink.ts';
import { createSource } from './source/create-source.ts';
import { atFirst, type Standing } from './standing.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
let database: OwnDatabase;
let pool: Pool;
let rows: RowWriter;

beforeAll(async () => {
  database = await cloneDatabase();
  pool = new Pool({ connectionString: database.url });
  rows = await writeRows(pool);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

/** The data team's process, at a slot and a directory of the test's own, as often as the test starts it. */
function lab() {
  const slot = `t_${crypto.randomUUID().replaceAll('-', '')}`;
  const dir = temporaryDirectory('cdc');
  const running = new Set<Lead>();
  let request: CdcRequest | null = null;
  onTestFinished(async () => {
    await Promise.all([...running].map((lead) => lead.close()));
    await poll('the slot to be free', async () => {
      const found = await pool.query('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [slot]);
      return found.rows.every(({ active }) => !active);
    });
    await dropSlot();
    await rm(dir, { recursive: true, force: true });
  });
  const dropSlot = () =>
    pool.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1', [slot]);
  const start = (options: { isLeader?: () => boolean; sink?: (files: CdcSink) => CdcSink } = {}) => {
    let standing: Standing = atFirst;
    const source = createSource({ databaseUrl: database.url, slot, logger, now: Date.now });
    const lead = startLeading({
      ...{ source, logger, now: Date.now, random: Math.random },
      metrics: createCdcMetrics([createRegistry()], () => 0),
      isLeader: options.isLeader ?? (() => true),
      makeSink: async () => (options.sink ?? ((files) => files))(createFilesSink({ dir, logger, now: Date.now })),
      request: async () => request,
      onStanding: (next) => {
        standing = next;
      },
    });
    running.add(lead);
    return {
      standing: () => standing,
      close: async () => {
        running.delete(lead);
        await lead.close();
        await source.close();
      },
    };
  };
  const read = async () => tablesOf(await readChangeFiles(dir));
  return {
    ...{ dir, start, read, dropSlot },
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

const streams = (standing: () => Standing) => poll('it to stream', () => standing().state === 'streaming');

test('the first start reads all tables, then each change; a later start goes on from there', async () => {
  const { start, isWhole, read } = lab();
  const before = await rows.order();
  const first = start();
  await streams(first.standing);
  await rows.expire(before);
  await rows.order();
  await isWhole();
  expect(first.standing()).toMatchObject({ generation: 1, trouble: null, setAside: 0 });
  await first.close();
  await rows.order();
  const second = start();
  await isWhole();
  expect(second.standing().generation).toBe(1);
  expect((await read()).doubles).toBe(0);
});

test('a sink that is away loses nothing, and is written to when it is back', async () => {
  const { start, isWhole } = lab();
  let isAway = false;
  const sink = (files: CdcSink): CdcSink => ({
    ...files,
    write: (...given) =>
      isAway ? Promise.reject(new Error('no room in /x (ENOSPC): make room')) : files.write(...given),
  });
  const cdc = start({ sink });
  await streams(cdc.standing);
  isAway = true;
  await rows.order();
  await poll('the trouble to be told', () => cdc.standing().trouble?.includes('no room') === true);
  await rows.order();
  isAway = false;
  await isWhole();
  expect(cdc.standing()).toMatchObject({ state: 'streaming', trouble: null });
});

test('a slot that is gone stops it with words, and a snapshot that is asked for mends it', async () => {
  const { start, isWhole, ask, dropSlot } = lab();
  const first = start();
  await streams(first.standing);
  await first.close();
  await poll('the slot to be dropped', () =>
    dropSlot().then(
      () => true,
      () => false,
    ),
  );
  const lost = await rows.order();
  const second = start();
  await poll('it to stop', () => second.standing().state === 'stopped');
  expect(second.standing().trouble).toBe(
    'the slot is gone: it was dropped, or a standby took over that did not have it: run "seckill cdc snapshot"',
  );
  await rows.expire(lost);
  ask('again');
  await streams(second.standing);
  await isWhole();
  expect(second.standing()).toMatchObject({ generation: 2, request: 'again', trouble: null });
});

test('a snapshot that is asked for while it streams begins the next generation', async () => {
  const { start, isWhole, ask } = lab();
  const cdc = start();
  await streams(cdc.standing);
  ask('once more');
  await poll('the next generation', () => cdc.standing().generation === 2 && cdc.standing().state === 'streaming');
  await rows.order();
  await isWhole();
});

test('of two processes one writes, and the other goes on when that one leads no more', async () => {
  const { start, isWhole } = lab();
  let leader = 1;
  const [one, two] = [start({ isLeader: () => leader === 1 }), start({ isLeader: () => leader === 2 })];
  await streams(one.standing);
  expect(two.standing().state).toBe('standing_by');
  leader = 2;
  await streams(two.standing);
  await poll('the first to stand by', () => one.standing().state === 'standing_by');
  await rows.order();
  await isWhole();
});
