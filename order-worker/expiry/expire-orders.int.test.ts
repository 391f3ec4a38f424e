import { afterAll, beforeEach, expect, test, vi } from 'vitest';
import { startOrdersDatabase } from '#lab/kits/orders.ts';
import { inTransaction } from '#runtime/postgres/connect.ts';
import { moveOrders } from '../orders/move-orders.ts';
import { createOrderStore } from '../orders/order-store.ts';
import { createExpiry, overdueSql, unpaidSql } from './expire-orders.ts';

vi.setConfig({ testTimeout: 120_000, expect: { poll: { timeout: 45_000 } } });

const database = await startOrdersDatabase();
const { pool } = database;
const store = createOrderStore(pool);
const found: string[] = [];
const expiry = createExpiry({
  pool,
  onExpired: (orders, foundBy) => found.push(...orders.map(({ orderId }) => `${foundBy} ${orderId}`)),
});
let saleId = '';

afterAll(() => database.close());
beforeEach(async () => {
  await pool.query('DELETE FROM outbox');
  await pool.query("UPDATE orders SET pay_by = 'infinity' WHERE state = 'awaiting_payment'"); // those of the test before
  found.length = 0;
  saleId = await database.makeSale({ units: 100_000 });
});

async function unpaid(secondsLeft: number): Promise<string> {
  const order = database.makeOrder(saleId);
  await store.store([order]);
  await pool.query('UPDATE orders SET pay_by = now() + make_interval(secs => $2) WHERE id = $1', [
    order.orderId,
    secondsLeft,
  ]);
  return order.orderId;
}
const pay = (client: Parameters<typeof moveOrders>[0], orderId: string) =>
  moveOrders(client, { orderIds: [orderId], from: 'awaiting_payment', to: 'paid' });
const stateOf = async (orderId: string) => (await store.present([orderId])).get(orderId)?.state;
const waitingForLocks = async () => {
  const { rows } = await pool.query("SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
  return rows[0]?.n;
};

test('of a batch the overdue and unpaid ones expire; what is early says for how long, what is settled stays (I6)', async () => {
  const [overdue, early, paid] = [await unpaid(-1), await unpaid(600), await unpaid(-1)];
  await pay(pool, paid);
  const outcomes = await expiry.expire([early, paid, overdue, `${saleId}-01hzzzzzzzzzzzzzzzzzzzzzzz`]);
  expect(outcomes).toEqual([
    { kind: 'early', dueInMs: expect.closeTo(600_000, -5) },
    { kind: 'settled' },
    { kind: 'expired' },
    { kind: 'settled' },
  ]);
  expect(await Promise.all([overdue, early, paid].map(stateOf))).toEqual(['expired', 'awaiting_payment', 'paid']);
  expect(found).toEqual([`job ${overdue}`]);
  expect(await expiry.expire([overdue])).toEqual([{ kind: 'settled' }]);
  const { rows } = await pool.query('SELECT count(*)::int AS n FROM outbox WHERE order_id = $1', [overdue]);
  expect(rows[0]?.n).toBe(1);
});

test('a payment that has the row first wins against expiry, however late it is; one that gives up loses (I6)', async () => {
  for (const end of ['COMMIT', 'ROLLBACK']) {
    const orderId = await unpaid(-1);
    const client = await pool.connect();
    await client.query('BEGIN');
    expect(await pay(client, orderId)).toHaveLength(1);
    const expiring = expiry.expire([orderId]);
    await expect.poll(waitingForLocks).toBe(1); // expiry stands at the row until the payment has decided
    await client.query(end);
    client.release();
    expect(await expiring).toEqual([{ kind: end === 'COMMIT' ? 'settled' : 'expired' }]);
    expect(await stateOf(orderId)).toBe(end === 'COMMIT' ? 'paid' : 'expired');
  }
});

test('a row that another transaction has locked is passed over on request, and said to be so', async () => {
  const [free, held] = [await unpaid(-1), await unpaid(-1)];
  const client = await pool.connect();
  await client.query('BEGIN');
  await client.query('SELECT FROM orders WHERE id = $1 FOR UPDATE', [held]);
  expect(await expiry.expire([held, free], 'pass over')).toEqual([{ kind: 'locked' }, { kind: 'expired' }]);
  await client.query('COMMIT');
  client.release();
  expect(await expiry.expire([held], 'pass over')).toEqual([{ kind: 'expired' }]);
});

test('expiry that has the row first wins against a payment (I6)', async () => {
  const orderId = await unpaid(-1);
  const client = await pool.connect();
  await client.query('BEGIN');
  await moveOrders(client, { orderIds: [orderId], from: 'awaiting_payment', to: 'expired', overdueOnly: true });
  const paying = inTransaction(pool, (other) => pay(other, orderId));
  await expect.poll(waitingForLocks).toBe(1);
  await client.query('COMMIT');
  client.release();
  expect(await paying).toEqual([]);
  expect(await stateOf(orderId)).toBe('expired');
});

test('the sweep takes the longest overdue first, as many as it may, and none that has time or is in hand', async () => {
  const [second, first, third, fresh, early] = [
    await unpaid(-2000),
    await unpaid(-3000),
    await unpaid(-1000),
    await unpaid(-1),
    await unpaid(600),
  ];
  expect(await expiry.expireOverdue({ overdueMs: 300_000, limit: 2 })).toBe(2);
  expect(found).toEqual(expect.arrayContaining([`sweep ${first}`, `sweep ${second}`]));
  const client = await pool.connect();
  await client.query('BEGIN');
  await client.query('SELECT 1 FROM orders WHERE id = $1 FOR UPDATE', [third]);
  expect(await expiry.expireOverdue({ overdueMs: 300_000, limit: 2 })).toBe(0);
  await client.query('COMMIT');
  client.release();
  expect(await expiry.expireOverdue({ overdueMs: 300_000, limit: 2, skip: 1 })).toBe(0); // passed over on request
  expect(await expiry.expireOverdue({ overdueMs: 300_000, limit: 2 })).toBe(1);
  expect(await Promise.all([third, fresh, early].map(stateOf))).toEqual([
    'expired',
    'awaiting_payment',
    'awaiting_payment',
  ]);
});

test('two sweeps at once expire each order once', async () => {
  const ids = await Promise.all(Array.from({ length: 40 }, () => unpaid(-10)));
  const counts = await Promise.all([1, 2, 3].map(() => expiry.expireOverdue({ overdueMs: 3000, limit: 20 })));
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(40);
  expect(found.sort()).toEqual(ids.map((id) => `sweep ${id}`).sort());
});

type Plan = { 'Node Type': string; 'Index Name'?: string; Plans?: Plan[] };
const nodes = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)];

/** Sets the end of an order's time to pay, Unix seconds. */
const dueAt = (orderId: string, seconds: number) =>
  pool.query('UPDATE orders SET pay_by = to_timestamp($2::numeric) WHERE id = $1', [orderId, String(seconds)]);

test('a timer comes for the unpaid orders of its second, to the microsecond, page by page', async () => {
  const times = [1_795_000_000.999999, 1_795_000_001, 1_795_000_001.5, 1_795_000_001.999999, 1_795_000_002];
  const ids = await Promise.all(times.map(() => unpaid(0)));
  for (const [index, id] of ids.entries()) await dueAt(id, times[index] ?? 0);
  const twin = await unpaid(0); // due at the same microsecond as another
  await dueAt(twin, 1_795_000_001.5);
  const [, atOnce, half, last] = ids;
  const found: string[] = [];
  let after = null;
  for (;;) {
    const page: Awaited<ReturnType<typeof expiry.unpaidOf>> = await expiry.unpaidOf(1_795_000_002, after, 2);
    if (page.length === 0) break;
    found.push(...page.map(({ orderId }) => orderId));
    after = page.at(-1) ?? null;
  }
  expect(found).toEqual([atOnce, ...[half, twin].sort(), last]);
});

test('how long a second is ahead is told by the database', async () => {
  const { rows } = await pool.query<{ now: number }>('SELECT extract(epoch FROM now())::float8 AS now');
  const now = rows[0]?.now ?? 0;
  expect(await expiry.msUntil(Math.floor(now))).toBe(0);
  const ahead = await expiry.msUntil(Math.floor(now) + 600);
  expect(ahead).toBeGreaterThan(500_000);
  expect(ahead).toBeLessThanOrEqual(600_000);
});

test('the sweep leaves the seconds of due timers to them, and takes what lies before, between and behind', async () => {
  const [before, first, between, second, behind] = [100.5, 200.5, 300.5, 400.5, 500.5];
  const ids: string[] = [];
  for (const time of [before, first, between, second, behind]) {
    const id = await unpaid(0);
    await dueAt(id, 1_700_000_000 + time);
    ids.push(id);
  }
  const inHand = [1_700_000_401, 1_700_000_201];
  expect(await expiry.expireOverdue({ overdueMs: 3000, limit: 2, inHand })).toBe(2);
  expect(await Promise.all(ids.map(stateOf))).toEqual([
    'expired',
    'awaiting_payment',
    'expired',
    'awaiting_payment',
    'awaiting_payment',
  ]);
  expect(await expiry.expireOverdue({ overdueMs: 3000, limit: 2, inHand })).toBe(1);
  expect(await expiry.expireOverdue({ overdueMs: 3000, limit: 5 })).toBe(2);
});

test('timers and the sweep walk their index and never the table', async () => {
  await pool.query(
    `INSERT INTO orders (id, sale_id, user_id, quantity, place, state, amount, currency, pay_by, accepted_at)
     SELECT $1 || '-' || lpad(n::text, 26, '0'), $1, 'u' || n, 1, n, 'awaiting_payment', 1, 'CNY',
            now() - interval '1 hour' - n / 400 * interval '1 s', now() FROM generate_series(1, 20000) n`,
    [saleId],
  );
  await pool.query(`UPDATE orders SET state = 'paid', version = 2 WHERE sale_id = $1 AND place > 1000`, [saleId]);
  await pool.query('ANALYZE orders');
  // As the driver prepares it: one plan for all values.
  const planOf = async (sql: string, values: string) => {
    const client = await pool.connect();
    await client.query(`SET plan_cache_mode = force_generic_plan; PREPARE looked AS ${sql}`);
    const { rows } = await client.query(`EXPLAIN (FORMAT JSON) EXECUTE looked(${values})`);
    client.release(true);
    const plan = nodes(rows[0]?.['QUERY PLAN'][0].Plan);
    return plan.map((node) => node['Index Name'] ?? node['Node Type']);
  };
  expect(await planOf(overdueSql, `'{-infinity,9}', '{5,infinity}', 3, 0, 200`)).toEqual([
    'Limit',
    'Nested Loop',
    'Function Scan',
    'Subquery Scan',
    'Limit',
    'LockRows',
    'orders_unpaid',
  ]);
  expect(await planOf(unpaidSql, `1, '-infinity', '', 400`)).toEqual(['Limit', 'Incremental Sort', 'orders_unpaid']);
  await pool.query("UPDATE orders SET state = 'paid', version = 2 WHERE sale_id = $1 AND place <= 1000", [saleId]);
});
