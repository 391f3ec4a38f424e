import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { Pool as DatabasePool } from 'pg';
import { Pool } from 'undici';
import { afterAll, beforeEach, expect, inject, test } from 'vitest';
import { edgeCounts } from '#contract/edge-counts.ts';
import { timerId, timerSecondOf } from '#contract/expiry-timer.ts';
import type { OrderState } from '#contract/order.ts';
import { expiryJobOptions, queueNames, queuePrefix } from '#contract/queues.ts';
import { newSaleId, openSale, seckill, seckillJson } from '#lab/kits/command-line.ts';
import { poll } from '#lab/poll.ts';
import { type Answer, call, getTicket, type HeldTicket, orderState, signIn } from '#loadtest/crowd/shopper.ts';
import type { AuditReport } from '#order-worker/audit/audit.ts';
import { moveOrders } from '#order-worker/orders/move-orders.ts';
import { readEdgeSamples } from '../cli/watch/funnel.ts';

const stack = inject('stack');
const pool = new Pool(stack.edgeUrl, { connections: 16 });
const database = new DatabasePool({ connectionString: stack.env.SECKILL_DATABASE_URL ?? '', max: 8 });
const queueRedis = new Redis(stack.env.SECKILL_QUEUE_REDIS_URL ?? '', {
  replyMapping: 'legacy',
  maxRetriesPerRequest: null,
});
const expiryQueue = new Queue(queueNames.expiry, { connection: queueRedis, prefix: queuePrefix });
const units = 6;
let saleId = '';
/** Purchases that were sent to the sale. */
let sent = 0;

afterAll(async () => {
  await pool.close();
  await database.end();
  await expiryQueue.close();
  queueRedis.disconnect();
});
beforeEach(async () => {
  saleId = newSaleId('expiry');
  sent = 0;
  await openSale(stack.env, { saleId, units });
});

async function ticket(): Promise<HeldTicket> {
  const held = await getTicket(pool, saleId, await signIn(pool));
  if (!('ticket' in held)) throw new Error(`no ticket: ${JSON.stringify(held)}`);
  return held;
}
/** As the page does: again with the same ticket while it is told to wait. */
const buy = (held: HeldTicket, attempt = 1) =>
  poll<Answer>('a decision', async () => {
    sent += 1;
    const body = { quantity: 1 };
    const answer = await call(pool, 'POST', `/api/sales/${saleId}/orders`, { ticket: held.ticket, attempt, body });
    return answer.status !== 503 && answer;
  });
const audit = () => seckillJson<AuditReport>(stack.env, 'audit', saleId);
const saleState = async () => (await call(pool, 'GET', `/api/sales/${saleId}`)).body.state;
const all = async (tickets: readonly HeldTicket[], state: OrderState) =>
  (await Promise.all(tickets.map((held) => orderState(pool, held)))).every((seen) => seen === state);

/** Sells the sale out; every order awaits payment when this resolves. */
async function soldOut(): Promise<HeldTicket[]> {
  const tickets = await Promise.all(Array.from({ length: units }, ticket));
  for (const held of tickets) expect((await buy(held)).status).toBe(202);
  await poll('stored orders', () => all(tickets, 'awaiting_payment'));
  await poll('the edge to be sold out', async () => (await saleState()) === 'sold_out');
  return tickets;
}

/**
 * Moves the end of the time to pay to the last hundredth of the second that is `ms` from now: in the rows, and with a timer that
 * comes for it. The timer of the second that they had is there before.
 */
async function endTimeToPay(orders: readonly HeldTicket[], ms: number): Promise<void> {
  const ids = orders.map(({ orderId }) => orderId);
  const { rows: had } = await database.query<{ payBy: Date }>(
    'SELECT pay_by AS "payBy" FROM orders WHERE id = ANY($1)',
    [ids],
  );
  for (const { payBy } of had)
    await poll('its timer', async () => (await expiryQueue.getJob(timerId(timerSecondOf(payBy.getTime())))) ?? null);
  const { rows } = await database.query<{ payBy: Date }>(
    `UPDATE orders SET pay_by = date_trunc('second', now() + make_interval(secs => $2)) + interval '990 ms'
      WHERE id = ANY($1) RETURNING pay_by AS "payBy"`,
    [ids, ms / 1000],
  );
  const second = timerSecondOf(rows[0]?.payBy.getTime() ?? 0);
  const delay = Math.max(0, second * 1000 - Date.now());
  await expiryQueue.add('pay-by', {}, { ...expiryJobOptions, jobId: timerId(second), delay });
}

test('nobody pays: the units come back once, the edge opens again, and a second shopper buys (I1, I6, I7)', async () => {
  const first = await soldOut();
  const late = await ticket();
  // A client that missed the yes asks again, and says so; one without an order hears the same no from the service.
  for (const [index, held] of first.entries()) {
    const again = await buy(held, 2);
    expect(again).toMatchObject({ status: 202, body: { orderId: held.orderId, place: index + 1 } });
  }
  expect(await buy(late, 2)).toMatchObject({ status: 410, body: { code: 'SOLD_OUT' } });
  // The edge's workers tell their counts four times a second.
  const passed = () =>
    poll('everything that was sent to be counted', async () => {
      const counts = edgeCounts((await readEdgeSamples(stack.edgeInnerUrl)) ?? [], saleId);
      return counts.arrived === sent && counts;
    }).then((counts) => counts.passed);
  const before = await passed();
  const shed = await buy(late);
  expect(shed).toMatchObject({ status: 410, body: { code: 'SOLD_OUT' } });
  // The edge refused it by itself.
  expect(await passed()).toBe(before);

  await endTimeToPay(first, 0);
  await poll('expiry', () => all(first, 'expired'));
  await poll('the edge to be open', async () => (await saleState()) === 'open');
  // The first unit that comes back opens it.
  const report = await poll('all units to be back', async () => {
    const found = await audit();
    return found.units.free === units && found;
  });
  expect(report).toMatchObject({ balanced: true, units: { total: units, free: units, unpaid: 0 } });
  // A ticket that made an order is spent (I5), and says what became of it.
  for (const held of first.slice(0, 2)) {
    const again = await buy(held);
    expect(again).toMatchObject({ status: 409, body: { code: 'ORDER_STATE' } });
    expect(again.body.detail).toContain('is expired');
  }
  expect((await buy(late)).status).toBe(202);
  await poll('the order', () => all([late], 'awaiting_payment'));
  expect((await audit()).balanced).toBe(true);
});

test('an order that is paid at the last moment is never expired, one that is not is never paid (I6)', async () => {
  const orders = await soldOut();
  const ids = orders.map(({ orderId }) => orderId);
  await endTimeToPay(orders, 2000);
  // Each is paid a little before or after its end, in steps of 20 ms, by the clock that judges it: PostgreSQL's.
  const untilItsEnd = 'SELECT pg_sleep_until(pay_by + make_interval(secs => $2)) FROM orders WHERE id = $1';
  const paid = await Promise.all(
    ids.map(async (id, index) => {
      await database.query(untilItsEnd, [id, (index - units / 2) * 0.02]);
      return (await moveOrders(database, { orderIds: [id], from: 'awaiting_payment', to: 'paid' })).length === 1;
    }),
  );
  await poll('a decision for each', async () => {
    const states = await Promise.all(orders.map((held) => orderState(pool, held)));
    return states.every((state) => state === 'paid' || state === 'expired');
  });
  const { rows: ends } = await database.query<{ id: string; state: string; ends: number }>(
    `SELECT o.id, o.state, (SELECT count(*)::int FROM order_events e WHERE e.order_id = o.id AND e.version > 1) AS ends
       FROM orders o WHERE o.id = ANY($1)`,
    [ids],
  );
  for (const [index, id] of ids.entries()) {
    expect(ends.find((end) => end.id === id)).toEqual({ id, state: paid[index] ? 'paid' : 'expired', ends: 1 });
  }
  const kept = paid.filter(Boolean).length;
  // No money stands behind these: the audit says so (I6) and exits with 1, and of the units it says where each is.
  const found = async () => JSON.parse((await seckill(stack.env, 'audit', saleId, '--json')).stdout) as AuditReport; // our own document
  await poll('the units of the others', async () => (await found()).units.free === units - kept);
  const { units: counted, checks } = await found();
  expect(counted).toMatchObject({ paid: kept, free: units - kept });
  expect(checks.filter(({ holds }) => !holds).map(({ invariant }) => invariant)).toEqual(kept === 0 ? [] : ['I6']);
});
