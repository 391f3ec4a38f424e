import { expect } from 'vitest';
import { timerId, timerSecondOf } from '#contract/expiry-timer.ts';
import { queueNames, queuePrefix } from '#contract/queues.ts';
import { saleKeys } from '#contract/redis-keys.ts';
import { test } from '#lab/fixtures/test.ts';
import { seckillJson } from '#lab/kits/command-line.ts';
import type { EdgesKit } from '#lab/kits/edges.ts';
import { leaveHealthy, whileFrozen } from '#lab/kits/processes.ts';
import { poll } from '#lab/poll.ts';
import type { AuditReport } from '#order-worker/audit/audit.ts';

// Queue Redis loses its memory here, and with it what it holds of every sale.
const units = 20;

async function sell(edges: EdgesKit, saleId: string, count: number): Promise<void> {
  for (let nth = 0; nth < count; nth += 1)
    expect(await edges.sell(nth % edges.pools.length, saleId, edges.buyer(saleId))).toBe('202');
}
const audit = ({ stack }: EdgesKit, saleId: string) => seckillJson<AuditReport>(stack.environment, 'audit', saleId);
/** In a poll: a command that a busy server kept waiting for too long is one more look. */
const look = (edges: EdgesKit, saleId: string) => audit(edges, saleId).catch(() => null);

test('every accepted order becomes a row when queue Redis is wiped in mid-sale (I3)', async ({ edges }) => {
  leaveHealthy();
  const { stockRedis, queueRedis } = edges.connections;
  const saleId = await edges.openSale(units);
  await whileFrozen('worker-1', async () => {
    await sell(edges, saleId, units);
    await poll('the queue to have them all', async () => (await stockRedis.xlen(saleKeys(saleId).outbox)) === 0);
    await queueRedis.flushall();
    expect((await audit(edges, saleId)).orders.rows).toBe(0);
    await makeReservationsOlder(edges, saleId, 20_000);
  });
  await poll('every row', async () => (await look(edges, saleId))?.orders.rows === units);
  await poll('balanced books', async () => (await look(edges, saleId))?.balanced ?? null);
});

test('orders expire although queue Redis and all their timers were wiped in between (I6)', async ({ edges }) => {
  leaveHealthy();
  const { queueRedis, pool } = edges.connections;
  const saleId = await edges.openSale(units);
  await sell(edges, saleId, 6);
  await poll('the orders to be stored', async () => (await look(edges, saleId))?.units.held === 0);
  // Orders are stored first and timed second: a timer that came after this would expire its orders.
  const { rows: due } = await pool.query<{ payBy: Date }>('SELECT pay_by AS "payBy" FROM orders WHERE sale_id = $1', [
    saleId,
  ]);
  const seconds = new Set(due.map(({ payBy }) => timerSecondOf(payBy.getTime())));
  const timers = [...seconds].map((second) => `${queuePrefix}:${queueNames.expiry}:${timerId(second)}`);
  await poll('their timers', async () => (await queueRedis.exists(...timers)) === timers.length);
  await queueRedis.flushall();
  await pool.query(`UPDATE orders SET pay_by = now() - interval '10 s' WHERE sale_id = $1`, [saleId]);
  await poll('all units to be back', async () => (await look(edges, saleId))?.units.free === units);
  expect(await audit(edges, saleId)).toMatchObject({ balanced: true, units: { free: units, unpaid: 0 } });
  const { rows } = await pool.query(
    `SELECT o.state, data->>'foundBy' AS by, count(*)::int AS orders
       FROM order_events e JOIN orders o ON o.id = e.order_id
      WHERE o.sale_id = $1 AND e.type = 'order.expired' GROUP BY 1, 2`,
    [saleId],
  );
  expect(rows).toEqual([{ state: 'expired', by: 'sweep', orders: 6 }]);
});

/** As if they had been accepted before: the sweeper looks at those that are held for 15 s. */
async function makeReservationsOlder({ connections }: EdgesKit, saleId: string, ms: number): Promise<void> {
  const { stockRedis } = connections;
  const { reservations } = saleKeys(saleId);
  for (const [orderId, text] of Object.entries(await stockRedis.hgetall(reservations))) {
    const [state, count, place, acceptedAt, ...userId] = text.split(':');
    await stockRedis.hset(reservations, orderId, [state, count, place, Number(acceptedAt) - ms, ...userId].join(':'));
  }
}
