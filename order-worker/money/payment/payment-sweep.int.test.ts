import { afterAll, beforeEach, expect, test, vi } from 'vitest';
import { newPaymentId } from '#contract/payment.ts';
import { startPaymentDesk } from '#lab/kits/payment-desk.ts';

vi.setConfig({ testTimeout: 120_000, expect: { poll: { timeout: 45_000 } } });

const desk = await startPaymentDesk({ checkAfterMs: 200, graceMs: 500, deadlineMs: 500 });
const { sandbox, pool, stateOf, paymentOf, refundOf } = desk;
let orderId = '';

afterAll(() => desk.close());
beforeEach(async () => {
  await sandbox.behave({ settleAfterMs: 20, webhookLost: 1 });
  orderId = await desk.bought(await desk.openSale());
});

test('a provider that never calls still gets its payments settled', async () => {
  await desk.begin(orderId);
  await expect.poll(() => stateOf(orderId)).toBe('paid');
});

test('money of an order that is gone is found and goes back without a single webhook (I6)', async () => {
  await sandbox.behave({ linger: 1, unendable: 1, settleAfterMs: 20, webhookLost: 1 });
  const paymentId = await desk.begin(orderId);
  await desk.expire(orderId);
  await sandbox.settle(paymentId, 'succeeded');
  await expect.poll(() => refundOf(paymentId)).toMatchObject({ state: 'succeeded', reason: 'order_expired' });
  const { taken, returned } = await sandbox.books(orderId);
  expect([taken, returned]).toEqual([100, 100]);
});

test('money that the provider takes after the order was cancelled, on a request that was slow, goes back (I6)', async () => {
  // The provider acts 2.5 s later, and we hang up after 0.5: when we ask meanwhile it has "never heard of it".
  await sandbox.behave({ slow: 1, slowMs: 2500, settleAfterMs: 20, webhookLost: 1 });
  expect((await desk.pay(orderId)).status).toBe(503);
  expect(await desk.cancel(orderId)).toMatchObject({ status: 200 });
  await sandbox.behave({ settleAfterMs: 20, webhookLost: 1 });
  await expect.poll(async () => (await sandbox.books(orderId)).taken).toBe(100);
  await expect.poll(async () => (await sandbox.books(orderId)).returned).toBe(100);
});

test.each(['expired', 'cancelled'])(
  'an order that is %s ends its payment at the provider, where nobody can pay it then',
  async (end) => {
    await sandbox.behave({ linger: 1, webhookLost: 1 });
    const paymentId = await desk.begin(orderId);
    // After a week of asking: the end of its order makes it due all the same.
    const later = "UPDATE payments SET checks = 5000, check_at = now() + interval '1 day' WHERE id = $1";
    await pool.query(later, [paymentId]);
    await (end === 'expired' ? desk.expire(orderId) : desk.cancel(orderId));
    await expect.poll(() => paymentOf(paymentId)).toEqual({ state: 'failed', reason: 'ended' });
    expect(await sandbox.settle(paymentId, 'succeeded')).toMatchObject({ state: 'failed' });
    expect((await sandbox.books(orderId)).taken).toBe(0);
  },
);

test('a payment is ended when another one has paid its order', async () => {
  await sandbox.behave({ linger: 1, webhookLost: 1 });
  const first = await desk.begin(orderId);
  await pool.query("UPDATE payments SET state = 'failed' WHERE id = $1", [first]);
  const second = await desk.begin(orderId);
  const later = "UPDATE payments SET check_at = now() + interval '1 day' WHERE id = $1";
  await pool.query(later, [second]);
  await sandbox.settle(first, 'succeeded');
  const found = await sandbox.provider.findPayment({ paymentId: first, providerId: null });
  if (found === null) throw new Error('it is gone');
  await desk.takePayment(found);
  expect(await stateOf(orderId)).toBe('paid');
  await expect.poll(() => paymentOf(second)).toEqual({ state: 'failed', reason: 'ended' });
});

test('an end whose answer was lost is asked for again, and money that was faster than it goes back (I6)', async () => {
  await sandbox.behave({ linger: 1, webhookLost: 1 });
  const paymentId = await desk.begin(orderId);
  await sandbox.behave({ answerLost: 1, unendable: 1, webhookLost: 1 });
  await desk.cancel(orderId);
  const checks = async () =>
    (await pool.query('SELECT checks FROM payments WHERE id = $1', [paymentId])).rows[0]?.checks;
  await expect.poll(checks).toBeGreaterThan(0);
  await sandbox.settle(paymentId, 'succeeded');
  await sandbox.behave({ settleAfterMs: 20, webhookLost: 1 });
  await expect.poll(() => refundOf(paymentId)).toMatchObject({ state: 'succeeded', reason: 'order_cancelled' });
  const { taken, returned } = await sandbox.books(orderId);
  expect([taken, returned]).toEqual([100, 100]);
});

test('a payment that the provider never heard of waits for the next press, and ends some time after its order', async () => {
  await sandbox.behave({ unavailable: 1 });
  expect((await desk.pay(orderId)).status).toBe(503);
  await sandbox.behave({ settleAfterMs: 20 });
  const { rows } = await pool.query('SELECT id FROM payments WHERE order_id = $1', [orderId]);
  const paymentId = rows[0]?.id;
  const checks = async () =>
    (await pool.query('SELECT checks FROM payments WHERE id = $1', [paymentId])).rows[0]?.checks;
  await expect.poll(checks).toBeGreaterThan(1);
  expect(await paymentOf(paymentId)).toMatchObject({ state: 'pending' });
  await desk.cancel(orderId);
  const checked = await checks();
  await expect.poll(checks).toBeGreaterThan(checked + 1);
  expect(await paymentOf(paymentId)).toMatchObject({ state: 'pending' });
  await pool.query('UPDATE orders SET pay_by = now() WHERE id = $1', [orderId]);
  const never = { state: 'failed', reason: 'the provider never heard of it' };
  await expect.poll(() => paymentOf(paymentId)).toEqual(never);
});

test('it asks less and less often, along an index', async () => {
  await sandbox.behave({ linger: 1, webhookLost: 1 });
  const paymentId = await desk.begin(orderId);
  const nextIn = async () => {
    const sql = 'SELECT extract(epoch FROM check_at - now()) AS s FROM payments WHERE id = $1';
    return Number((await pool.query(sql, [paymentId])).rows[0]?.s);
  };
  await expect.poll(nextIn).toBeGreaterThan(1); // the first wait was 0.2 s
  // After a week of it; 2 to that power is no number of PostgreSQL's.
  await pool.query('UPDATE payments SET checks = 5000, check_at = now() WHERE id = $1', [paymentId]);
  await expect.poll(nextIn).toBeGreaterThan(1);

  const client = await pool.connect();
  await client.query('SET enable_seqscan = off');
  const { rows } = await client.query(
    "EXPLAIN SELECT id FROM payments WHERE state = 'pending' AND check_at <= now() ORDER BY check_at LIMIT 20",
  );
  client.release(true);
  expect(JSON.stringify(rows)).toContain('payments_to_check');
});

test('the database refuses to forget money, to change it, to return it twice, or to return what never came', async () => {
  await sandbox.behave({ linger: 1, webhookLost: 1 });
  const paymentId = await desk.begin(orderId);
  const refused = async (sql: string, constraint: string, ...values: unknown[]) =>
    expect(pool.query(sql, values), sql).rejects.toMatchObject({ constraint });
  const refund = `INSERT INTO refunds (id, payment_id, order_id, reason, amount, currency, look_at)
                  SELECT $1, id, order_id, 'paid_twice', $3, currency, now() FROM payments WHERE id = $2`;
  await refused(refund, 'refunds_of_money_that_came', 'ref_1', paymentId, 100);
  await refused(
    'INSERT INTO payments (id, order_id, amount, currency, check_at) SELECT $1, id, amount, currency, now() FROM orders WHERE id = $2',
    ...(['payments_one_open', newPaymentId(Date.now()), orderId] as const),
  );
  await sandbox.settle(paymentId, 'succeeded');
  await expect.poll(() => stateOf(orderId)).toBe('paid');
  for (const change of ["state = 'failed'", "state = 'pending'", 'amount = 1', "currency = 'EUR'", "order_id = 'x'"]) {
    await refused(`UPDATE payments SET ${change} WHERE id = $1`, 'payments_state_machine', paymentId);
  }
  const foreignKey = 'refunds_payment_id_order_id_amount_currency_fkey';
  await refused(refund, foreignKey, 'ref_2', paymentId, 99);
  await pool.query(refund, ['ref_3', paymentId, 100]);
  await refused(refund, 'refunds_payment_id_key', 'ref_4', paymentId, 100);
  await pool.query("UPDATE refunds SET state = 'succeeded' WHERE id = 'ref_3'");
  await refused("UPDATE refunds SET state = 'pending' WHERE id = $1", 'refunds_state_machine', 'ref_3');
});
