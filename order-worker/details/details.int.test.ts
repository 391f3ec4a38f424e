import { randomBytes } from 'node:crypto';
import { afterAll, beforeEach, expect, test, vi } from 'vitest';
import { startPaymentDesk } from '#lab/kits/payment-desk.ts';
import { createDetailsApp } from './details-routes.ts';
import { createDetailsStore } from './details-store.ts';
import { countDetailsOf, forgetPerson } from './forget-person.ts';
import { countByKey, resealDetails } from './reseal.ts';
import { createSeal } from './seal.ts';

vi.setConfig({ testTimeout: 60_000, expect: { poll: { timeout: 45_000 } } });

const [old, current] = [
  { id: 'p1', key: randomBytes(32) },
  { id: 'p2', key: randomBytes(32) },
];
const desk = await startPaymentDesk({ personalKeys: [current, old] });
const { giveDetails, pay, pool } = desk;
afterAll(() => desk.close());

const details = {
  name: 'Zhang <b>San</b>',
  email: 'zhang@shop.example',
  phone: '+8613800138000',
  address: { lines: ['人民路 1 号'], city: '上海', postalCode: '200001', country: 'CN' },
};
let orderId = '';
beforeEach(async () => {
  await desk.sandbox.behave({ linger: 1 });
  orderId = await desk.bought(await desk.openSale(5, { collect: ['name', 'email', 'phone', 'address'] }));
});
const rowOf = async (id: string) =>
  (await pool.query('SELECT * FROM order_details WHERE order_id = $1', [id])).rows[0] ?? null;

test('an order whose sale collects is paid only once its details are given; its shopper is shown that they are', async () => {
  expect(await pay(orderId)).toMatchObject({
    status: 409,
    body: { code: 'ORDER_STATE', detail: 'give your contact and address first, then pay' },
  });
  expect(await giveDetails(orderId, details)).toMatchObject({ status: 204, said: '' });
  await expect.poll(() => desk.stock.shown(orderId)).toMatchObject({ hasDetails: true, step: 1 });
  expect((await desk.details.of([orderId])).get(orderId)).toEqual(details);
  expect(await pay(orderId)).toMatchObject({ status: 201 });
});

test('they are sealed in a table of their own, kept as long as the sale says, and no other table has a word of them (I10)', async () => {
  const sale = await desk.openSale(5, { collect: ['name'], keepDetailsDays: 7 });
  const id = await desk.bought(sale);
  const name = `Unmistakable-${crypto.randomUUID()}`;
  await giveDetails(id, { name });
  const row = await rowOf(id);
  expect(row).toMatchObject({ sale_id: sale, user_id: 'u', key_id: 'p2' });
  expect((row.erase_at - row.updated_at) / 86_400_000).toBeCloseTo(7, 1);
  const tables: { name: string }[] = (
    await pool.query(
      "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
    )
  ).rows;
  expect(tables.map((table) => table.name)).toEqual(
    expect.arrayContaining(['orders', 'order_events', 'order_details']),
  );
  for (const table of tables) {
    const found = await pool.query(`SELECT FROM ${table.name} AS t WHERE t::text LIKE $1`, [`%${name}%`]);
    expect([table.name, found.rowCount]).toEqual([table.name, 0]);
  }
  expect(row.sealed.includes(name)).toBe(false);
});

test('they may be given again until the order is paid: the last ones count, and no new picture is drawn', async () => {
  await giveDetails(orderId, details);
  await expect.poll(() => desk.stock.shown(orderId)).toMatchObject({ hasDetails: true, step: 1 });
  expect(await giveDetails(orderId, { ...details, name: 'Li Si' })).toMatchObject({ status: 204 });
  expect((await desk.details.of([orderId])).get(orderId)).toMatchObject({ name: 'Li Si' });
  const waiting = await pool.query("SELECT FROM outbox WHERE consumer = 'stock' AND order_id = $1", [orderId]);
  expect(waiting.rowCount).toBe(0);
  const paymentId = await desk.begin(orderId);
  await desk.sandbox.settle(paymentId, 'succeeded');
  await expect.poll(() => desk.stateOf(orderId)).toBe('paid');
  expect(await giveDetails(orderId, details)).toMatchObject({
    status: 409,
    detail: 'it is paid: ask the shop to change contact or address',
  });
  expect((await desk.details.of([orderId])).get(orderId)).toMatchObject({ name: 'Li Si' });
});

test('each bad request has its own answer and moves nothing', async () => {
  const plain = await desk.bought(await desk.openSale());
  const ended = await desk.bought(await desk.openSale(5, { collect: ['name'] }));
  await desk.expire(ended);
  const long = { ...details, address: { ...details.address, lines: ['x'.repeat(10_000)] } };
  const answers = [
    [await giveDetails(orderId, long), 413],
    [await giveDetails(orderId, details, { userId: null }), 401],
    [await giveDetails(orderId, details, { userId: 'somebody-else' }), 403],
    [await giveDetails('nonsense', details), 404],
    [await giveDetails(orderId, details, { type: 'text/plain' }), 415],
    [await giveDetails(orderId, '{'), 400],
    [await giveDetails(orderId, { ...details, email: 'me' }), 400],
    [await giveDetails(plain, details), 409],
    [await giveDetails(ended, { name: 'a' }), 409],
  ] as const;
  expect(answers.map(([{ status }]) => status)).toEqual(answers.map(([, status]) => status));
  for (const [{ said }] of answers) expect(said).not.toContain('Zhang');
  for (const id of [orderId, plain, ended]) expect(await rowOf(id)).toBeNull();
});

test('a row that an older key sealed opens while that key is listed, and no longer after', async () => {
  const before = createDetailsStore({ pool, seal: createSeal([old]) });
  await before.give(orderId, details, 1);
  expect((await desk.details.of([orderId])).get(orderId)).toEqual(details);
  const without = createDetailsStore({ pool, seal: createSeal([current]) });
  await expect(without.of([orderId])).rejects.toThrow('key "p1": add it to SECKILL_PERSONAL_KEYS');
});

test('without a key nothing is taken: the shopper is told to come again, and the log which setting is missing', async () => {
  const lines: unknown[] = [];
  const app = createDetailsApp({
    findOwnOrder: async () => ({
      ...{
        orderId,
        userId: 'u',
        state: 'awaiting_payment',
        quantity: 1,
        amount: 1,
        currency: 'CNY',
        payByMs: 0,
        isOverdue: false,
      },
    }),
    store: createDetailsStore({ pool, seal: createSeal([]) }),
    logger: { error: (...line: unknown[]) => void lines.push(line) },
    onGiven: () => undefined,
  });
  const init = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(details) };
  expect((await app.request(`/api/orders/${orderId}/details`, init)).status).toBe(503);
  expect(JSON.stringify(lines)).toContain('SECKILL_PERSONAL_KEYS');
  expect(JSON.stringify(lines)).not.toContain('Zhang');
});

test('rows whose time is over are erased, and only those; what is left over is counted', async () => {
  await giveDetails(orderId, details);
  const due = await desk.bought(await desk.openSale(5, { collect: ['name'] }));
  const erasedBefore = await desk.metricOf('seckill_details_erased_total');
  await pool.query(
    `INSERT INTO order_details (order_id, sale_id, user_id, key_id, sealed, erase_at)
     SELECT 'due-' || n, 's', 'u', 'p1', '', now() - interval '1 second' FROM generate_series(1, 1200) AS n`,
  );
  await giveDetails(due, { name: 'a' });
  await expect.poll(() => desk.metricOf('seckill_details_erased_total')).toBe(erasedBefore + 1200);
  await expect.poll(() => desk.metricOf('seckill_details_overdue')).toBe(0);
  expect([await rowOf(orderId), await rowOf(due)]).not.toContain(null);
});

test('a user is forgotten: all their rows, and nobody else’s; again it changes nothing, and they may give them anew', async () => {
  await giveDetails(orderId, details);
  await expect.poll(() => desk.stock.shown(orderId)).toMatchObject({ hasDetails: true });
  await pool.query(
    `INSERT INTO order_details (order_id, sale_id, user_id, key_id, sealed, erase_at)
     SELECT 'of-' || n, 's', CASE WHEN n > 20 THEN 'u' ELSE 'another' END, 'p1', '', now() + interval '1 day'
       FROM generate_series(1, 1100) AS n`,
  );
  const { orders, awaitingPayment, paid } = await countDetailsOf(pool, 'u');
  expect([orders >= 1081, awaitingPayment >= 1, paid >= 0]).toEqual([true, true, true]);
  expect(await forgetPerson(pool, 'u')).toBe(orders);
  expect(await forgetPerson(pool, 'u')).toBe(0);
  expect((await pool.query("DELETE FROM order_details WHERE user_id = 'another'")).rowCount).toBe(20);
  expect(await pay(orderId)).toMatchObject({ status: 409, body: { code: 'ORDER_STATE' } });
  expect(await giveDetails(orderId, details)).toMatchObject({ status: 204 });
  expect(await pay(orderId)).toMatchObject({ status: 201 });
});

test('every row is sealed anew by the first key, so that the one before it can be taken out', async () => {
  await createDetailsStore({ pool, seal: createSeal([old]) }).give(orderId, details, 1);
  const seal = createSeal([current, old]);
  if (seal === null) throw new Error('there are keys');
  expect((await countByKey(pool)).map(({ keyId }) => keyId)).toContain('p1');
  expect(await resealDetails(pool, seal)).toBeGreaterThan(0);
  expect((await countByKey(pool)).map(({ keyId }) => keyId)).toEqual(['p2']);
  const alone = createDetailsStore({ pool, seal: createSeal([current]) });
  expect((await alone.of([orderId])).get(orderId)).toEqual(details);
});

test('a row whose key is gone keeps no other from being sealed anew; it is named with its order and key', async () => {
  expect((await giveDetails(orderId, details)).status).toBe(204);
  const other = await desk.bought(await desk.openSale(5, { collect: ['name'] }));
  expect((await giveDetails(other, { name: details.name })).status).toBe(204);
  const [first = '', last = ''] = [orderId, other].sort();
  await pool.query("UPDATE order_details SET key_id = 'p0' WHERE order_id = $1", [first]);
  await pool.query('UPDATE order_details SET key_id = $2, sealed = $3 WHERE order_id = $1', [
    last,
    'p1',
    createSeal([old])?.seal(last, JSON.stringify({ name: 'Li Si' })).sealed,
  ]);
  const seal = createSeal([current, old]);
  if (seal === null) throw new Error('there are keys');
  await expect(resealDetails(pool, seal)).rejects.toThrow(`${first} (p0)`);
  const { rows } = await pool.query('SELECT key_id FROM order_details WHERE order_id = $1', [last]);
  expect(rows).toEqual([{ key_id: 'p2' }]);
  await pool.query('DELETE FROM order_details WHERE order_id = $1', [first]);
});
