import { expect } from 'vitest';
import { type AcceptedOrder, newOrderId } from '#contract/order.ts';
import { saleKeys } from '#contract/redis-keys.ts';
import { test } from '#lab/fixtures/test.ts';
import { type CliResult, seckill, seckillJson } from '#lab/kits/command-line.ts';
import { type startDrainLab, until } from '#lab/kits/drain-lab.ts';
import type { AuditReport } from '#order-worker/audit/audit.ts';
import type { LostOrders } from '#order-worker/audit/lost-orders.ts';
import type { RebuiltOrders } from '#order-worker/audit/rebuild-orders.ts';
import { createOrderStore } from '#order-worker/orders/order-store.ts';
import { countOrders } from '#order-worker/queue/queued-orders.ts';

type Lab = Awaited<ReturnType<typeof startDrainLab>>;

const audit = (drain: Lab) => seckillJson<AuditReport>(drain.environment, 'audit', drain.saleId());
const look = (drain: Lab) =>
  seckillJson<LostOrders>(drain.environment, 'orders', 'rebuild', drain.saleId(), '--dry-run');
const rebuild = (drain: Lab, ...flags: string[]): Promise<CliResult> =>
  seckill(drain.environment, 'orders', 'rebuild', drain.saleId(), '--yes', ...flags);
const rebuilt = async (drain: Lab): Promise<RebuiltOrders & { code: number }> => {
  const { code, stdout, stderr } = await rebuild(drain, '--json');
  if (stdout === '') throw new Error(stderr);
  return { ...(JSON.parse(stdout) as RebuiltOrders), code };
};

/** An order as stock Redis granted it, two units of it, in its outbox. */
async function grant(drain: Lab, userId = 'u'): Promise<AcceptedOrder> {
  const [saleId, quantity] = [drain.saleId(), 2];
  const orderId = newOrderId(saleId, Date.now());
  await drain.stock.reserve(saleId, { orderId, userId, quantity });
  const reservation = await drain.stock.reservation(orderId);
  if (reservation === null) throw new Error('not granted');
  const { place, acceptedAt } = reservation;
  return { orderId, saleId, userId, quantity, place, acceptedAt };
}

/** Orders that a relay has moved to the queue. */
async function accept(drain: Lab, count: number): Promise<AcceptedOrder[]> {
  const orders: AcceptedOrder[] = [];
  for (let nth = 0; nth < count; nth += 1) orders.push(await grant(drain, `user-${nth}`));
  await drain.stockRedis.del(saleKeys(drain.saleId()).outbox);
  await drain.queue.addBulk(drain.chunksOf(orders));
  return orders;
}
const rowsOf = async (drain: Lab) =>
  (
    await drain.pool.query(
      'SELECT id, user_id, quantity, place, accepted_at FROM orders WHERE sale_id = $1 ORDER BY place',
      [drain.saleId()],
    )
  ).rows;
async function ordersLeft({ queue }: Lab): Promise<number> {
  const { waiting, active, delayed } = await countOrders(queue);
  return waiting + active + delayed;
}

test('a database that is older than its promise gets every order back, as it was, to the unit (I1, I3, I5)', async ({
  drain,
}) => {
  await drain.settings(null);
  await accept(drain, 10);
  drain.startWorker();
  await drain.allCommitted(20);
  await drain.stopWorkers();
  const restore = await drain.backUp();
  await accept(drain, 30);
  drain.startWorker();
  await drain.allCommitted(80);
  await drain.stopWorkers();
  const before = await rowsOf(drain);
  await restore();
  // Loaded with more units since; its own guard would refuse what was granted of them.
  await drain.pool.query('UPDATE sales SET units = 20 WHERE id = $1', [drain.saleId()]);

  const seen = await seckill(drain.environment, 'audit', drain.saleId());
  expect([seen.code, seen.stdout]).toEqual([
    1,
    expect.stringContaining(`mend: seckill orders rebuild ${drain.saleId()}\n`),
  ]);
  expect(seen.stdout).not.toContain('stock rebuild');
  const would = `put 30 orders of ${drain.saleId()} back on the queue, and note 20000 units of the sale in the database, which has 20`;
  expect(await look(drain)).toMatchObject({
    ...{ would, reservations: 40 },
    ...{ lost: { orders: 30, units: 60 }, onTheirWay: 0 },
  });
  expect(await ordersLeft(drain)).toBe(0);

  expect(await rebuilt(drain)).toMatchObject({ code: 0, putBack: { orders: 30, units: 60 }, lostPaid: [] });
  // They stand in the queue now: again puts none back.
  expect(await rebuilt(drain)).toMatchObject({ code: 0, putBack: { orders: 0 }, onTheirWay: 30 });
  expect(await ordersLeft(drain)).toBe(30);
  drain.startWorker();
  await drain.allStored(40);
  await until('the queue to be empty', async () => (await ordersLeft(drain)) === 0);
  expect(await rowsOf(drain)).toEqual(before);
  expect(await audit(drain)).toMatchObject({ balanced: true, units: { free: 19_920, held: 0, unpaid: 80 } });
  // What shoppers are shown is the new row, with its own time to pay.
  const rows = await createOrderStore(drain.pool).present(before.map(({ id }) => id));
  const pictures = await drain.stock.pictures(drain.saleId(), [...rows.keys()]);
  expect(pictures).toEqual(rows);
  expect(await rebuilt(drain)).toMatchObject({ code: 0, putBack: { orders: 0 }, onTheirWay: 0, behind: [] });
});

test('what the database has forgotten beyond rows is named, and its shoppers see what it knows now', async ({
  drain,
}) => {
  const saleId = drain.saleId();
  await drain.settings(null);
  const [cancelled, ghost] = await accept(drain, 2);
  drain.startWorker();
  await drain.allCommitted(4);
  await drain.stopWorkers();
  const restore = await drain.backUp();
  const [paid, ended] = await accept(drain, 2);
  if (!cancelled || !ghost || !paid || !ended) throw new Error('no orders');
  drain.startWorker();
  await drain.allCommitted(8);
  await drain.stopWorkers();
  const shown = { version: 2, payByMs: 1, amount: 100, currency: 'CNY' };
  await drain.stock.show(saleId, [
    { orderId: cancelled.orderId, state: 'cancelled', ...shown },
    { orderId: paid.orderId, state: 'paid', ...shown },
  ]);
  await drain.stock.release(saleId, cancelled.orderId);
  await drain.stock.release(saleId, ended.orderId);
  await restore();
  await drain.stockRedis.hdel(saleKeys(saleId).reservations, ghost.orderId);

  const { code, ...found } = await rebuilt(drain);
  expect([code, found]).toEqual([
    1,
    {
      ...{ saleId, reservations: 3, onTheirWay: 0 },
      putBack: { orders: 1, units: 2, such: [paid.orderId] },
      lostPaid: [{ orderId: paid.orderId, row: null, shown: 'paid' }],
      behind: [{ orderId: cancelled.orderId, row: 'awaiting_payment', shown: 'cancelled' }],
      wentBack: { orders: 1, units: 2, such: [cancelled.orderId] },
      ended: { orders: 1, units: 2, such: [ended.orderId] },
      unreserved: { orders: 1, units: 0, such: [ghost.orderId] },
      deadLetters: { orders: 0, units: 0, such: [] },
    },
  ]);
  drain.startWorker();
  await drain.allStored(3);
  await until('its picture', async () => (await drain.stock.shown(paid.orderId))?.version === 1);
  expect(await drain.stock.shown(cancelled.orderId)).toMatchObject({ version: 1, state: 'awaiting_payment' });
  const again = await rebuild(drain);
  expect(again.stdout).toContain(`without a reservation  1 order, such as ${ghost.orderId}`);
  expect(again.stdout).toContain(`seckill stock rebuild ${saleId}`);
});

test('an order that is on its way is left alone, one whose job stands in the way or is lost is put back, a poison order is named', async ({
  drain,
}) => {
  const saleId = drain.saleId();
  await drain.settings(null);
  const { stock, queue, queueRedis, jobOf, chunksOf } = drain;
  const [lost, waiting, done, astray, chunked] = [
    await grant(drain),
    await grant(drain),
    await grant(drain),
    await grant(drain),
    await grant(drain),
  ];
  const poison = await grant(drain, 'nul \u0000 byte');
  await stock.commit(saleId, [lost.orderId]);
  await drain.stockRedis.del(saleKeys(saleId).outbox);
  await grant(drain); // in the outbox alone
  await queue.addBulk([waiting, done, astray].map(jobOf));
  await queue.addBulk(chunksOf([chunked]));
  // A job that is done and was not taken out, and one that no list has any more.
  const key = (name: string) => queue.toKey(name);
  await queueRedis.lrem(key('wait'), 1, done.orderId);
  await queueRedis.zadd(key('completed'), 1, done.orderId);
  await queueRedis.lrem(key('wait'), 1, astray.orderId);

  const first = await rebuilt(drain);
  expect([first.code, first.onTheirWay, first.putBack.such.sort()]).toEqual([
    0,
    3,
    [lost, done, astray, poison].map(({ orderId }) => orderId).sort(),
  ]);
  drain.startWorker();
  await drain.allStored(5);
  await until('the dead letter', async () => (await queue.getFailedCount()) === 1);
  const rows = await createOrderStore(drain.pool).versions(
    [lost, waiting, done, astray, chunked].map((it) => it.orderId),
  );
  expect(rows.size).toBe(5);

  const second = await rebuild(drain);
  expect([second.code, second.stdout]).toEqual([
    1,
    expect.stringMatching(`dead letters  1 order, such as ${poison.orderId}: .*seckill dlq retry`),
  ]);
  expect(await queue.getFailedCount()).toBe(1);
});

test('rebuilds while the sale sells and the drain stores put no order into the database twice (I5)', async ({
  drain,
}) => {
  await drain.settings(2000);
  drain.startWorker();
  const sold = (async () => {
    for (let round = 0; round < 6; round += 1) await drain.accept(50);
  })();
  for (let round = 0; round < 3; round += 1) expect((await rebuilt(drain)).code).toBe(0);
  await sold;
  await drain.allCommitted(300);
  await until('the queue to be empty', async () => (await ordersLeft(drain)) === 0);
  const { rows } = await drain.pool.query(
    `SELECT count(*)::int AS events FROM order_events e JOIN orders o ON o.id = e.order_id WHERE o.sale_id = $1`,
    [drain.saleId()],
  );
  expect([rows[0]?.events, (await audit(drain)).balanced]).toEqual([300, true]);
});

test('without stock, or without the sale in the database, it says what to do first', async ({ drain }) => {
  const { environment, stockRedis, pool } = drain;
  const saleId = drain.saleId();
  await drain.accept(1);
  const refused = async () => {
    const { code, stderr } = await seckill(environment, 'orders', 'rebuild', saleId, '--yes');
    return [code, stderr];
  };
  const rename = (from: string, to: string) => pool.query('UPDATE sales SET id = $2 WHERE id = $1', [from, to]);
  await rename(saleId, 'elsewhere');
  expect(await refused()).toEqual([2, expect.stringMatching('holds 1 order of it: create the sale again')]);
  await rename('elsewhere', saleId);
  await stockRedis.del(...Object.values(saleKeys(saleId)));
  expect(await refused()).toEqual([2, expect.stringMatching(`has no stock: .* seckill stock rebuild ${saleId}`)]);
  expect((await seckill(environment, 'orders', 'rebuild', 'nowhere')).stderr).toContain('there is no sale "nowhere"');
});
