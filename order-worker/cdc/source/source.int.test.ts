import { Pool } from 'pg';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { poll } from '#lab/poll.ts';
import { cloneDatabase, type OwnDatabase } from '#lab/servers/database.ts';
import { createLogger } from '#runtime/logger.ts';
import type { CdcChange } from '../sink.ts';
import { createSource } from './create-source.ts';
import { lsnText } from './lsn.ts';

const logger = createLogger({ service: 'test', instance: 'test', level: 'silent' });
let database: OwnDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await cloneDatabase();
  pool = new Pool({ connectionString: database.url });
  await pool.query(`INSERT INTO sales (id, title, description, price_amount, currency, units, limit_per_user, opens_at, closes_at,
    pay_within_seconds, challenge) VALUES ('s', 't', 'd', 100, 'CNY', 1000000, 1, now(), now() + interval '1 hour', 900, 'none')`);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const insert = (client: Pick<Pool, 'query'>, place: number) =>
  client.query(
    `INSERT INTO orders (id, sale_id, user_id, quantity, place, state, amount, currency, pay_by, accepted_at)
     VALUES ($1, 's', 'u', 1, $2, 'awaiting_payment', 9007199254740991, 'CNY', '2026-12-01 07:00:00.123456+00', '2026-12-01 07:00:00+00')`,
    [`s-${place}`, place],
  );

function sourceOf(slot: string) {
  const source = createSource({ databaseUrl: database.url, slot, logger, now: Date.now });
  onTestFinished(async () => {
    await source.close();
    await poll('the slot to be free', async () => (await source.slot()).kind !== 'held');
    await pool.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1', [
      slot,
    ]);
  });
  return source;
}

const slotName = () => `t_${crypto.randomUUID().replaceAll('-', '')}`;
const ids = (changes: readonly CdcChange[]) => changes.map(({ orderId }) => orderId);

test('a transaction that commits right where the acknowledged ones end is read by the next connection', async () => {
  const source = sourceOf(slotName());
  await source.makeSlot();
  const { end } = await source.server();
  const first = await source.stream({ from: end, generation: 1 });
  await insert(pool, 1);
  await insert(pool, 2);
  const changes: CdcChange[] = [];
  while (changes.length < 2) changes.push(...(await first.next({ gatherMs: 0, maxChanges: 1 })).changes);
  const [, second] = changes;
  // Where its commit begins: all before it is acknowledged, and it is not.
  const border = lsnText(BigInt(second?.envelope.source.lsn ?? 0));
  first.acknowledge(border);
  await first.close();
  const next = await source.stream({ from: border, generation: 1 });
  const again = await next.next({ gatherMs: 0, maxChanges: 1 });
  await next.close();
  expect(ids(again.changes)).toEqual(['s-2']);
  expect(again.changes[0]?.envelope).toEqual({ ...second?.envelope, ts_ms: expect.any(Number) });
  expect(second?.envelope.after).toMatchObject({
    amount: 9007199254740991,
    pay_by: '2026-12-01T07:00:00.123456Z',
    accepted_at: '2026-12-01T07:00:00.000000Z',
  });
});

test('snapshot and stream together miss no row while many are written', async () => {
  const source = sourceOf(slotName());
  await source.makeSlot();
  let isOver = false;
  let place = 100;
  const writers = [1, 2, 3, 4].map(async () => {
    while (!isOver) {
      place += 1;
      await insert(pool, place);
    }
  });
  await poll('some rows', () => place > 400);
  const rows: CdcChange[] = [];
  const { lsn } = await source.snapshot({
    generation: 1,
    signal: new AbortController().signal,
    onRows: async (changes) => void rows.push(...changes),
  });
  const stream = await source.stream({ from: lsn, generation: 1 });
  const at = place;
  await poll('more rows', () => place > at + 300);
  isOver = true;
  await Promise.all(writers);
  const { end } = await source.server();
  const streamed: CdcChange[] = [];
  for (let upTo = lsn; upTo.padStart(20) < end.padStart(20); ) {
    const got = await stream.next({ gatherMs: 10, maxChanges: 500 });
    streamed.push(...got.changes);
    upTo = got.lsn;
    stream.acknowledge(upTo);
  }
  await stream.close();
  const seen = [...ids(rows), ...ids(streamed)].sort();
  const { rows: stored } = await pool.query<{ id: string }>('SELECT id FROM orders ORDER BY id COLLATE "C"');
  expect(seen).toEqual(stored.map(({ id }) => id));
});
