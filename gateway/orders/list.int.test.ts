import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { newOrderId } from '#contract/order.ts';
import { type OrderList, orderListSchema, ordersOfPage } from '#contract/order-list.ts';
import type { ProblemCode } from '#contract/problems.ts';
import { startOrdersServer } from '#lab/kits/order-routes.ts';
import { moveOrders } from '#order-worker/orders/move-orders.ts';
import { inTransaction } from '#runtime/postgres/connect.ts';

vi.setConfig({ testTimeout: 180_000 });

const orders = await startOrdersServer();
let server: Awaited<ReturnType<typeof orders.serve>>;
beforeAll(async () => {
  server = await orders.serve();
});
afterAll(async () => {
  await server.close();
  await orders.close();
});

const from = Date.parse('2026-11-11T12:00:00Z');

/** Stores orders of this user in this sale, one accepted at each of the times. */
async function store(saleId: string, userId: string, times: readonly number[]): Promise<string[]> {
  const made = times.map((acceptedAt) => ({ ...orders.makeOrder(saleId), userId, acceptedAt }));
  await orders.store.store(made);
  return made.map(({ orderId }) => orderId);
}

async function ask(userId: string, query = ''): Promise<{ status: number; headers: Headers; body: unknown }> {
  const response = await server.app.request(`/api/orders${query}`, { headers: await orders.bearer(userId) });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

async function list(userId: string, query = ''): Promise<OrderList> {
  const { status, headers, body } = await ask(userId, query);
  expect([status, headers.get('cache-control')]).toEqual([200, 'private, no-store']);
  return orderListSchema.strict().parse(body);
}

async function pagesOf(userId: string): Promise<string[][]> {
  const pages: string[][] = [];
  for (let next: string | null = ''; next !== null; ) {
    const page: OrderList = await list(userId, next === '' ? '' : `?before=${next}`);
    pages.push(page.orders.map(({ orderId }) => orderId));
    next = page.next;
  }
  return pages;
}

test('a bearer is listed the orders of all sales, newest first, with the words of the sale and the state as it is stored', async () => {
  const [tea, lamp] = [
    await orders.makeSale({ title: 'Tea', translations: { zh: { title: '茶', description: '一杯' } } }),
    await orders.makeSale({ title: 'Lamp', closesAt: '2026-01-02T00:00:00Z' }),
  ];
  const [first = '', third = ''] = await store(tea, 'ada', [from, from + 2000]);
  const [second = ''] = await store(lamp, 'ada', [from + 1000]);
  await store(tea, 'bob', [from + 1500]);
  await inTransaction(orders.pool, (client) =>
    moveOrders(client, { orderIds: [first], from: 'awaiting_payment', to: 'paid' }),
  );
  const { orders: listed, next } = await list('ada');
  expect(next).toBeNull();
  expect(listed.map(({ orderId, title, state }) => [orderId, title, state])).toEqual([
    [third, 'Tea', 'awaiting_payment'],
    [second, 'Lamp', 'awaiting_payment'],
    [first, 'Tea', 'paid'],
  ]);
  expect(listed[2]).toMatchObject({
    saleId: tea,
    translations: { zh: { title: '茶' } },
    quantity: 1,
    place: 1,
    amount: { amount: 100, currency: 'CNY' },
    acceptedAt: '2026-11-11T12:00:00.000Z',
  });
  expect(await list('nobody')).toEqual({ orders: [], next: null });
});

test('page by page each order comes once, also those of the same moment, while newer ones are stored', async () => {
  const saleId = await orders.makeSale({ units: 100 });
  const times = Array.from({ length: 2 * ordersOfPage + 5 }, (_, index) => from + Math.floor(index / 7));
  const stored = await store(saleId, 'many', times);
  const newestFirst = [...stored].sort((a, b) => {
    const time = (id: string) => times[stored.indexOf(id)] ?? 0;
    return time(b) - time(a) || (a < b ? 1 : -1);
  });
  const pages = await pagesOf('many');
  expect(pages.map((page) => page.length)).toEqual([ordersOfPage, ordersOfPage, 5]);
  expect(pages.flat()).toEqual(newestFirst);
  const { next } = await list('many');
  await store(saleId, 'many', [from + 60_000]);
  const second = await list('many', `?before=${next}`);
  expect(second.orders.map(({ orderId }) => orderId)).toEqual(pages[1]);
});

test('an answer costs an index range of one page, however many orders the user and the sale have', async () => {
  const saleId = await orders.makeSale({ units: 10_000 });
  await store(
    saleId,
    'heavy',
    Array.from({ length: 1000 }, (_, index) => from + index),
  );
  for (let user = 0; user < 20; user += 1)
    await store(
      saleId,
      `light-${user}`,
      Array.from({ length: 100 }, () => from),
    );
  await orders.pool.query('ANALYZE orders');
  const { rows } = await orders.pool.query<{ 'QUERY PLAN': [{ Plan: object }] }>(
    `EXPLAIN (ANALYZE, FORMAT JSON) SELECT o.id FROM orders o JOIN sales s ON s.id = o.sale_id
      WHERE o.user_id = 'heavy' AND (o.accepted_at, o.id) < (to_timestamp(${(from + 500) / 1000}), 'x')
      ORDER BY o.accepted_at DESC, o.id DESC LIMIT 21`,
  );
  const plan = JSON.stringify(rows[0]?.['QUERY PLAN'][0].Plan);
  expect(plan).toContain('"Index Name":"orders_user_newest"');
  const read = [...plan.matchAll(/"Relation Name":"orders".*?"Actual Rows":(\d+)/g)].map(([, count]) => Number(count));
  expect(Math.max(...read)).toBeLessThan(30);
});

test('who asks without a token, or by a cursor that no answer gave, is told what to do, and PostgreSQL is not asked', async () => {
  const told = async (response: Response) => {
    const { code, detail } = (await response.json()) as { code: ProblemCode; detail: string };
    return [response.status, code, detail];
  };
  expect(await told(await server.app.request('/api/orders'))).toEqual([
    401,
    'UNAUTHENTICATED',
    'Send the token of your sign-in: "Authorization: Bearer <token>".',
  ]);
  const foreign = Buffer.from(`1796000000123.${newOrderId('x', from)}`).toString('base64url');
  expect((await list('ada', `?before=${foreign}`)).next).toBeNull(); // a place in time, and no way to another's orders
  for (const before of ['', 'x', `${foreign}x%00`, `${foreign}'`, '%', 'a'.repeat(5000)]) {
    const { status, body } = await ask('ada', `?before=${before}`);
    expect([status, body]).toMatchObject([400, { code: 'BAD_REQUEST', detail: expect.stringContaining('`next`') }]);
  }
});

test('while too many ask PostgreSQL, others hear BUSY at once, and the ways that need no database stay open', async () => {
  const saleId = await orders.openSale(10);
  const orderId = await orders.buy(saleId, 'ada');
  // A table that is locked keeps every question under way.
  const held = await orders.pool.connect();
  await held.query('BEGIN');
  await held.query('LOCK TABLE orders IN ACCESS EXCLUSIVE MODE');
  const waiting = Array.from({ length: 7 }, () => ask('ada'));
  const { status, headers, body } = await ask('ada');
  expect([status, headers.get('retry-after'), body]).toMatchObject([503, '2', { code: 'BUSY' }]);
  const own = await server.app.request(`/api/orders/${orderId}`, { headers: await orders.bearer('ada') });
  expect(own.status).toBe(200);
  await held.query('COMMIT');
  held.release();
  expect((await Promise.all(waiting)).map((answer) => answer.status)).toEqual(Array.from({ length: 7 }, () => 200));
});
