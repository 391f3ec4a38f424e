import { rename } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CdcDatabase, cdcLab, openCdcDatabase } from '#lab/kits/cdc-lab.ts';
import type { RowWriter } from '#lab/kits/cdc-rows.ts';
import { poll } from '#lab/poll.ts';
import { lsnText, parseLsn } from './port/lsn.ts';
import type { CdcSink } from './port/sink.ts';
import { openManifest } from './sinks/files/manifest.ts';

let database: CdcDatabase;
let rows: RowWriter;

beforeAll(async () => {
  database = await openCdcDatabase();
  rows = database.rows;
});
afterAll(() => database.close());

test('the first start reads all tables, then each change; a later start goes on from there', async () => {
  const { start, isWhole, read } = cdcLab(database);
  const before = await rows.order();
  const first = start();
  await first.streams();
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
  const { start, isWhole } = cdcLab(database);
  let isAway = false;
  const sink = (files: CdcSink): CdcSink => ({
    ...files,
    write: (...given) =>
      isAway ? Promise.reject(new Error('no room in /x (ENOSPC): make room')) : files.write(...given),
  });
  const cdc = start({ sink });
  await cdc.streams();
  isAway = true;
  await rows.order();
  await poll('the trouble to be told', () => cdc.standing().trouble?.includes('no room') === true);
  await rows.order();
  isAway = false;
  await isWhole();
  expect(cdc.standing()).toMatchObject({ state: 'streaming', trouble: null });
});

test('a slot that is gone stops it with words, and a snapshot that is asked for mends it', async () => {
  const { start, isWhole, ask, loseSlot } = cdcLab(database);
  const first = start();
  await first.streams();
  await first.close();
  await loseSlot();
  const lost = await rows.order();
  const second = start();
  await poll('it to stop', () => second.standing().state === 'stopped');
  expect(second.standing().trouble).toBe(
    'the slot is gone: it was dropped, or a standby took over that did not have it: run "seckill cdc snapshot"',
  );
  await rows.expire(lost);
  ask('again');
  await second.streams();
  await isWhole();
  expect(second.standing()).toMatchObject({ generation: 2, request: 'again', trouble: null });
});

test('a database whose log went back is a gap for good, also when the log has grown past the place again', async () => {
  const { dir, start, isWhole, ask } = cdcLab(database);
  const first = start();
  await first.streams();
  const { generation, position } = first.standing();
  await first.close();
  // As a volume that was put back leaves it: the sink is ahead, by what the next orders write.
  const ahead = lsnText(parseLsn(position ?? '') + 200_000n);
  const manifest = await openManifest(dir);
  const { position: last } = manifest.state;
  if (last === null) throw new Error('the sink has a position');
  await manifest.append([{ position: { ...last, lsn: ahead }, at: 'now' }]);
  await manifest.close();
  const second = start();
  await poll('it to stop', () => second.standing().state === 'stopped');
  await database.pool.query("SELECT pg_logical_emit_message(false, 'test', repeat('x', 400000))");
  await second.close();
  const third = start();
  await poll('it to stop again', () => third.standing().state === 'stopped');
  expect(third.standing()).toMatchObject({ generation, trouble: expect.stringContaining('it was restored') });
  ask('after the restore');
  await third.streams();
  await isWhole();
});

test('a snapshot that is asked for while it streams begins the next generation', async () => {
  const { start, isWhole, ask } = cdcLab(database);
  const cdc = start();
  await cdc.streams();
  ask('once more');
  await poll('the next generation', () => cdc.standing().generation === 2 && cdc.standing().state === 'streaming');
  await rows.order();
  await isWhole();
});

test('of two processes one writes, and the other goes on when that one leads no more', async () => {
  const { start, isWhole } = cdcLab(database);
  let leader = 1;
  const [one, two] = [start({ isLeader: () => leader === 1 }), start({ isLeader: () => leader === 2 })];
  await one.streams();
  expect(two.standing().state).toBe('standing_by');
  leader = 2;
  await two.streams();
  await poll('the first to stand by', () => one.standing().state === 'standing_by');
  await rows.order();
  await isWhole();
});

test('a sink that had all tables and is empty is told, and nothing is written there; it goes on when what it held is back', async () => {
  const { dir, start, isWhole } = cdcLab(database);
  const first = start();
  await first.streams();
  await rows.order();
  await isWhole();
  await first.close();
  // A disk that is not mounted: its place is there, and empty.
  await rename(dir, `${dir}.away`);
  await rows.order();
  const second = start();
  await poll('it to stop', () => second.standing().state === 'stopped');
  expect(second.standing().trouble).toMatch(
    /^the sink is empty, and had all tables before \(generation 1\): bring back what it held/,
  );
  await rename(`${dir}.away`, dir);
  await second.streams();
  await isWhole();
  expect(second.standing()).toMatchObject({ generation: 1, trouble: null });
});

test('a sink that was emptied is filled anew when ops ask for it, as the next generation', async () => {
  const { dir, start, isWhole, ask } = cdcLab(database);
  const first = start();
  await first.streams();
  await first.close();
  await rename(dir, `${dir}.away`);
  const second = start();
  await poll('it to stop', () => second.standing().state === 'stopped');
  ask('fill it');
  await second.streams();
  await isWhole();
  expect(second.standing()).toMatchObject({ generation: 2, request: 'fill it' });
});
