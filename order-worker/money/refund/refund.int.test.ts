import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { startPaymentDesk } from '#lab/kits/payment-desk.ts';
import { startRefundSweep } from './refund-sweep.ts';

vi.setConfig({ testTimeout: 120_000, expect: { poll: { timeout: 45_000 } } });

// The last of four tries is seconds away: an outage is over by then, however slow this machine is.
const desk = await startPaymentDesk({ tries: 4, longestMs: 10_000 });
const { sandbox, pool, logger, queue, stateOf, eventsOf, refundOf } = desk;
const good = { settleAfterMs: 10 };
let saleId = '';

afterAll(() => desk.close());
beforeEach(async () => {
  await sandbox.behave(good);
  saleId = await desk.openSale(1);
});

/** A paid order, and its payment. */
async function paid(): Promise<{ orderId: string; paymentId: string }> {
  const orderId = await desk.bought(saleId);
  const paymentId = await desk.begin(orderId);
  await expect.poll(() => stateOf(orderId)).toBe('paid');
  return { orderId, paymentId };
}
const sale = () => desk.stock.sale(saleId);

test('gives the money back, then the unit: the sale is open again, and the event lets others follow (I6)', async () => {
  const { orderId } = await paid();
  expect(await sale()).toMatchObject({ state: 'sold_out', free: 0 });
  const { status, body } = await desk.refund(orderId);
  expect({ status, body }).toMatchObject({
    status: 202,
    body: { orderId, state: 'refunding', amount: 100, currency: 'CNY' },
  });
  await expect.poll(() => stateOf(orderId)).toBe('refunded');
  await expect.poll(sale).toMatchObject({ state: 'open', free: 1, returned: 1 });
  expect(await eventsOf(orderId)).toEqual(['order.created', 'order.paid', 'order.refunding', 'order.refunded']);
  const { taken, returned } = await sandbox.books(orderId);
  expect([taken, returned]).toEqual([100, 100]);
});

test('withholds the unit when the sale is not to restock: it is nobody’s, and not for sale (I1, I6)', async () => {
  saleId = await desk.openSale(1, { restock: false });
  const { orderId } = await paid();
  await desk.refund(orderId);
  await expect.poll(sale).toMatchObject({ state: 'sold_out', free: 0, withheld: 1, returned: 0 });
  // What was not paid goes back on sale all the same.
  saleId = await desk.openSale(1, { restock: false });
  await desk.cancel(await desk.bought(saleId));
  await expect.poll(sale).toMatchObject({ state: 'open', free: 1, withheld: 0, returned: 1 });
});

test('of an order that is not paid, not yours or not there is refused, and nothing moves', async () => {
  const orderId = await desk.bought(saleId);
  const refused = (detail: RegExp) => ({
    status: 409,
    body: { code: 'ORDER_STATE', detail: expect.stringMatching(detail) },
  });
  expect(await desk.refund(orderId)).toMatchObject(refused(/awaits payment/));
  expect(await desk.refund(orderId, null)).toMatchObject({ status: 401 });
  expect(await desk.refund(orderId, 'somebody else')).toMatchObject({ status: 403 });
  expect(await desk.refund('nonsense')).toMatchObject({ status: 404 });
  await desk.cancel(orderId);
  expect(await desk.refund(orderId)).toMatchObject(refused(/cancelled/));
  expect(await eventsOf(orderId)).toEqual(['order.created', 'order.cancelled']);
});

test('asked for twice is one refund while it is under way, and refused once it is done', async () => {
  const { orderId } = await paid();
  await queue.pause(); // it is under way until we have asked again
  const answers = [await desk.refund(orderId), await desk.refund(orderId)];
  await queue.resume();
  expect(answers[0]).toMatchObject({ status: 202 });
  expect(answers[1]).toEqual(answers[0]);
  await expect.poll(() => stateOf(orderId)).toBe('refunded');
  expect(await desk.refund(orderId)).toMatchObject({ status: 409, body: { detail: 'its money is back' } });
  expect((await sandbox.books(orderId)).refunds).toHaveLength(1);
});

test('a paid order is told to ask for a refund instead of a cancel; a cancel can be asked for twice', async () => {
  const { orderId } = await paid();
  expect(await desk.cancel(orderId)).toMatchObject({ status: 409, body: { detail: expect.stringMatching(/refund/) } });
  saleId = await desk.openSale(1);
  const unpaid = await desk.bought(saleId);
  for (let ask = 0; ask < 2; ask += 1) expect(await desk.cancel(unpaid)).toMatchObject({ status: 200 });
  await expect.poll(sale).toMatchObject({ free: 1, returned: 1, state: 'open' });
  expect(await desk.cancel(unpaid, 'somebody else')).toMatchObject({ status: 403 });
});

test('waits through an outage of the provider and completes after it, whatever answers were lost (I6)', async () => {
  const { orderId, paymentId } = await paid();
  await sandbox.behave({ ...good, answerLost: 1, webhookLost: 1 });
  await desk.refund(orderId);
  await expect.poll(async () => (await refundOf(paymentId))?.last_error).toMatch(/unknown.*500/);
  expect(await stateOf(orderId)).toBe('refunding');
  await sandbox.behave({ ...good, webhookLost: 1 });
  await expect.poll(() => stateOf(orderId)).toBe('refunded');
  expect((await sandbox.books(orderId)).refunds).toHaveLength(1);
});

describe('what is given up on', () => {
  test('is a dead letter, the order stays refunding, and one more try of it completes everything', async () => {
    const { orderId, paymentId } = await paid();
    await sandbox.behave({ ...good, unavailable: 1 });
    const { body } = await desk.refund(orderId);
    const job = () => queue.getJob(String(body.refundId));
    await expect.poll(async () => (await job())?.isFailed()).toBe(true);
    expect((await job())?.attemptsMade).toBe(4);
    expect(await stateOf(orderId)).toBe('refunding');
    expect(await refundOf(paymentId)).toMatchObject({
      state: 'pending',
      last_error: expect.stringMatching(/unavailable/),
    });
    expect(await sale()).toMatchObject({ free: 0 });

    // A sweep leaves a dead letter alone: that is for a person to decide.
    await pool.query('UPDATE refunds SET look_at = now() WHERE id = $1', [body.refundId]);
    const again = async () =>
      (await pool.query('SELECT look_at > now() AS put_off FROM refunds WHERE id = $1', [body.refundId])).rows;
    await expect.poll(again).toEqual([{ put_off: true }]);
    expect(await (await job())?.isFailed()).toBe(true);

    await sandbox.behave(good);
    await expect.poll(() => desk.sandbox.provider.findPayment({ paymentId, providerId: null })).not.toBeNull();
    await (await job())?.retry('failed', { resetAttemptsMade: true });
    await expect.poll(() => stateOf(orderId)).toBe('refunded');
    await expect.poll(sale).toMatchObject({ free: 1 });
  });

  test('what the provider refuses is given up on at once', async () => {
    const { orderId, paymentId } = await paid();
    // Somebody gave it back by hand, at the provider: it will never do so again.
    const other = `ref_${'0'.repeat(26)}`;
    await sandbox.provider.createRefund({
      refundId: other,
      payment: { paymentId, providerId: null },
      amount: 100,
      currency: 'CNY',
    });
    const { body } = await desk.refund(orderId);
    await expect.poll(async () => (await queue.getJob(String(body.refundId)))?.isFailed()).toBe(true);
    expect(await refundOf(paymentId)).toMatchObject({ last_error: expect.stringMatching(/refuses it: .*already/) });
    expect(await stateOf(orderId)).toBe('refunding');
  });
});

describe('after a crash', () => {
  test('between the transaction and the queue, or with a wiped queue, the sweep gives the refund its job again (I6)', async () => {
    const { orderId, paymentId } = await paid();
    await sandbox.behave({ ...good, unavailable: 1 });
    await desk.refund(orderId);
    await expect.poll(async () => (await refundOf(paymentId))?.last_error).toMatch(/./);
    await queue.obliterate({ force: true });
    await sandbox.behave(good);
    await pool.query('UPDATE refunds SET look_at = now() WHERE order_id = $1', [orderId]);
    await expect.poll(() => stateOf(orderId)).toBe('refunded');
  });

  test('between the provider and our database, the same refund is asked for again and given back once', async () => {
    const { orderId, paymentId } = await paid();
    await sandbox.behave({ ...good, webhookLost: 1, unavailable: 1 });
    const { body } = await desk.refund(orderId);
    const refundId = String(body.refundId);
    await sandbox.behave({ ...good, webhookLost: 1 });
    await sandbox.provider.createRefund({
      refundId,
      payment: { paymentId, providerId: null },
      amount: 100,
      currency: 'CNY',
    });
    await expect.poll(() => stateOf(orderId)).toBe('refunded');
    expect((await sandbox.books(orderId)).refunds).toHaveLength(1);
  });
});

test('the sweep is bounded, goes along its index, and two of them share the work', async () => {
  const seen: string[] = [];
  const sweepOnce = () =>
    startRefundSweep({
      ...{ pool, logger, most: 3, everyMs: 20 },
      queue: { enqueue: async (ids) => void seen.push(...ids) },
    });
  await sandbox.behave({ ...good, unavailable: 1 });
  saleId = await desk.openSale(5);
  await sandbox.behave(good);
  const orders = [];
  for (let index = 0; index < 5; index += 1) orders.push(await paid());
  await sandbox.behave({ unavailable: 1 });
  const refunds = await Promise.all(
    orders.map(async ({ orderId }) => String((await desk.refund(orderId)).body.refundId)),
  );
  await pool.query('UPDATE refunds SET look_at = now() WHERE id = ANY($1)', [refunds]);
  const sweeps = [sweepOnce(), sweepOnce()];
  const due = async () =>
    (await pool.query("SELECT count(*)::int AS n FROM refunds WHERE state = 'pending' AND look_at <= now()")).rows[0]
      ?.n;
  await expect.poll(due).toBe(0);
  for (const sweep of sweeps) await sweep.close();
  const ours = seen.filter((id) => refunds.includes(id));
  expect(new Set(ours).size).toBe(ours.length);

  const client = await pool.connect();
  await client.query('SET enable_seqscan = off');
  const { rows } = await client.query(
    "EXPLAIN SELECT id FROM refunds WHERE state = 'pending' AND look_at <= now() ORDER BY look_at LIMIT 3 FOR UPDATE SKIP LOCKED",
  );
  client.release(true);
  expect(JSON.stringify(rows)).toContain('refunds_to_look_at');
});
