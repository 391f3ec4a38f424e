import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type CdcDatabase, dropSlot, newSlotName, openCdcDatabase, silent } from '#lab/kits/cdc-lab.ts';
import { compareWithTables, tablesOf } from '#lab/kits/cdc-reader.ts';
import type { RowWriter } from '#lab/kits/cdc-rows.ts';
import { poll } from '#lab/poll.ts';
import { startTcpProxy } from '#lab/servers/tcp-proxy.ts';
import { lsnText, parseLsn } from '../port/lsn.ts';
import type { CdcChange } from '../port/sink.ts';
import { createSource } from './create-source.ts';

let database: CdcDatabase;
let pool: Pool;
let rows: RowWriter;

beforeAll(async () => {
  database = await openCdcDatabase();
  ({ pool, rows } = database);
});
afterAll(() => database.close());

function sourceOf(slot = newSlotName(), databaseUrl = database.url, changesPerSecond: number | null = null) {
  const source = createSource({ databaseUrl, slot, logger: silent, now: Date.now, changesPerSecond });
  onTestFinished(async () => {
    await source.close();
    await dropSlot(pool, slot);
  });
  return source;
}

const ids = (changes: readonly CdcChange[]) => changes.map(({ orderId }) => orderId);

test('a transaction that commits right where the acknowledged ones end is read by the next connection', async () => {
  const source = sourceOf();
  await source.makeSlot();
  const { end } = await source.server();
  const first = await source.stream({ from: end, generation: 1 });
  await rows.order();
  const id = await rows.order({ amount: '9007199254740991', payBy: '2026-12-01 07:00:00.123456+00' });
  const changes: CdcChange[] = [];
  while (changes.filter(({ table }) => table === 'orders').length < 2)
    changes.push(...(await first.next({ gatherMs: 0, maxChanges: 1 })).changes);
  const [, second] = changes.filter(({ table }) => table === 'orders');
  // Where its commit begins: all before it is acknowledged, and it is not.
  const border = lsnText(BigInt(second?.envelope.source.lsn ?? 0));
  first.acknowledge(border);
  await first.close();
  const next = await source.stream({ from: border, generation: 1 });
  const again = await next.next({ gatherMs: 0, maxChanges: 1 });
  await next.close();
  expect(ids(again.changes)).toContain(id);
  expect(again.changes.find(({ table }) => table === 'orders')?.envelope).toEqual({
    ...second?.envelope,
    ts_ms: expect.any(Number),
  });
  expect(second?.envelope.after).toMatchObject({
    amount: 9007199254740991,
    pay_by: '2026-12-01T07:00:00.123456Z',
  });
});

test('a burst is followed at the pace that was set, and none of it is lost', async () => {
  const source = sourceOf(newSlotName(), database.url, 200);
  await source.makeSlot();
  const { end } = await source.server();
  const stream = await source.stream({ from: end, generation: 1 });
  const begun = performance.now();
  const wanted: string[] = [];
  for (let n = 0; n < 60; n += 1) wanted.push(await rows.order());
  const changes: CdcChange[] = [];
  while (new Set(ids(changes)).size < wanted.length)
    changes.push(...(await stream.next({ gatherMs: 0, maxChanges: 1000 })).changes);
  const tookMs = performance.now() - begun;
  await stream.close();
  expect(new Set(ids(changes))).toEqual(new Set(wanted));
  // All but the first tenth of a second's, and what is shorter than a rest.
  expect(tookMs).toBeGreaterThan((changes.length / 200 - 0.12) * 1000);
});

test('a transaction that is larger than what may wait is read in parts, and acknowledged as a whole', async () => {
  const source = sourceOf();
  await source.makeSlot();
  const { end } = await source.server();
  const stream = await source.stream({ from: end, generation: 1 });
  const count = 25_000;
  await pool.query(
    `INSERT INTO orders (id, sale_id, user_id, quantity, place, state, amount, currency, pay_by, accepted_at)
     SELECT 'large-' || n, 's', 'u', 1, 1000000 + n, 'awaiting_payment', 100, 'CNY', now(), now() FROM generate_series(1, $1::int) AS n`,
    [count],
  );
  const changes: CdcChange[] = [];
  const lsns = new Set<string>();
  while (changes.length < count) {
    const got = await stream.next({ gatherMs: 10, maxChanges: 5000 });
    changes.push(...got.changes);
    if (changes.length < count) lsns.add(got.lsn);
  }
  await stream.close();
  expect(changes.map(({ envelope }) => envelope.source.seq)).toEqual(Array.from({ length: count }, (_, at) => at + 1));
  const [commit] = changes.map(({ envelope }) => envelope.source.lsn);
  for (const lsn of lsns) expect(parseLsn(lsn) <= BigInt(commit ?? 0)).toBe(true);
});

test('a link that is dead without a word ends the stream within seconds, and its silence counts as lag', async () => {
  const own = new URL(database.url);
  const proxy = await startTcpProxy({ to: { host: own.hostname, port: Number(own.port) } });
  onTestFinished(proxy.close);
  own.port = String(proxy.port);
  const source = sourceOf(newSlotName(), own.href);
  await source.makeSlot();
  const { end } = await source.server();
  const stream = await source.stream({ from: end, generation: 1 });
  proxy.mode('half-open');
  const waited = stream.next({ gatherMs: 10, maxChanges: 10 });
  waited.catch(() => undefined);
  await poll('its silence to count', () => stream.lagSeconds() > 3);
  await expect(waited).rejects.toThrow('PostgreSQL has said nothing for 10 s');
  proxy.mode('pass');
  await stream.close();
});

test('snapshot and stream together miss no row while many are written', async () => {
  const source = sourceOf();
  await source.makeSlot();
  let isOver = false;
  let written = 0;
  const writers = [1, 2, 3, 4].map(async () => {
    while (!isOver) {
      await rows.order();
      written += 1;
    }
  });
  await poll('some rows', () => written > 300);
  const read: CdcChange[] = [];
  const { lsn } = await source.snapshot({
    generation: 1,
    signal: new AbortController().signal,
    onRows: async (changes) => void read.push(...changes),
  });
  const stream = await source.stream({ from: lsn, generation: 1 });
  const at = written;
  await poll('more rows', () => written > at + 300);
  isOver = true;
  await Promise.all(writers);
  const { end } = await source.server();
  for (let upTo = lsn; parseLsn(upTo) < parseLsn(end); ) {
    const got = await stream.next({ gatherMs: 10, maxChanges: 500 });
    read.push(...got.changes);
    upTo = got.lsn;
    stream.acknowledge(upTo);
  }
  await stream.close();
  const seen = tablesOf(read.map(({ envelope }) => envelope));
  expect(await compareWithTables(pool, seen)).toEqual({ missing: [], different: [], extra: [] });
  expect(seen.doubles).toBe(0);
});
