import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { inThisOrder } from '#lab/kits/hold-row.ts';
import { startPaymentDesk } from '#lab/kits/payment-desk.ts';

vi.setConfig({ testTimeout: 120_000, expect: { poll: { timeout: 45_000 } } });

// Every race is forced: a row that a test holds makes one decision wait behind the other, in both orders.
const desk = await startPaymentDesk();
const { sandbox, pool, stateOf, eventsOf, paymentOf, refundOf } = desk;
let saleId = '';
let orderId = '';
let paymentId = '';

afterAll(() => desk.close());
beforeEach(async () => {
  // It cannot end a payment, so that money comes after the end of its order, too.
  await sandbox.behave({ linger: 1, unendable: 1, settleAfterMs: 10 });
  saleId = await desk.openSale(1);
  orderId = await desk.bought(saleId);
  paymentId = await desk.begin(orderId);
});

const race = <const D extends readonly (() => Promise<unknown>)[]>(...decisions: D) =>
  inThisOrder(pool, orderId, decisions);
/** The money comes: the provider settles the payment and calls. Resolves when we have heard of it. */
const moneyComes = async (id = paymentId) => {
  await sandbox.settle(id, 'succeeded');
  await expect.poll(() => paymentOf(id)).toMatchObject({ state: 'succeeded' });
};
const expiry = () => desk.expire(orderId);
const cancel = () => desk.cancel(orderId);
const free = async () => (await desk.stock.sale(saleId))?.free;
/** All that was taken for the order went back, once. */
async function moneyIsBack(id: string, reason: string): Promise<void> {
  await expect.poll(() => refundOf(id)).toMatchObject({ state: 'succeeded', reason });
  const { taken, returned, refunds } = await sandbox.books(orderId);
  expect([returned, refunds.length]).toEqual([taken, 1]);
}

describe('payment against expiry', () => {
  test('payment first: the order is paid, and the expiry finds nothing to do', async () => {
    const [, expired] = await race(moneyComes, expiry);
    expect(expired).toEqual([]);
    expect(await eventsOf(orderId)).toEqual(['order.created', 'order.paid']);
    expect(await refundOf(paymentId)).toBeUndefined();
    expect(await free()).toBe(0);
  });

  test('expiry first: the unit goes back on sale, and the money that comes after goes back by itself (I6)', async () => {
    const [expired] = await race(expiry, moneyComes);
    expect(expired).toHaveLength(1);
    expect(await eventsOf(orderId)).toEqual(['order.created', 'order.expired']);
    await moneyIsBack(paymentId, 'order_expired');
    await expect.poll(free).toBe(1);
  });
});

describe('payment against cancel', () => {
  test('payment first: the cancel is told to ask for a refund', async () => {
    const [, cancelled] = await race(moneyComes, cancel);
    expect(cancelled).toMatchObject({
      status: 409,
      body: { code: 'ORDER_STATE', detail: expect.stringMatching(/refund/) },
    });
    expect(await stateOf(orderId)).toBe('paid');
  });

  test('cancel first: the money that comes after goes back by itself (I6)', async () => {
    const [cancelled] = await race(cancel, moneyComes);
    expect(cancelled).toMatchObject({ status: 200, body: { state: 'cancelled' } });
    await moneyIsBack(paymentId, 'order_cancelled');
    await expect.poll(free).toBe(1);
  });
});

describe('the end of a payment against its money', () => {
  const end = async () => {
    await sandbox.behave({ linger: 1, settleAfterMs: 10 });
    const ended = await sandbox.provider.endPayment({ paymentId, providerId: null });
    if (ended === null) throw new Error('it is gone');
    return desk.takePayment(ended);
  };

  test('the end first: no money was taken, and none comes', async () => {
    await cancel();
    await end();
    expect(await sandbox.settle(paymentId, 'succeeded')).toMatchObject({ state: 'failed' });
    expect(await paymentOf(paymentId)).toMatchObject({ state: 'failed', reason: 'ended' });
    expect(await sandbox.books(orderId)).toMatchObject({ taken: 0, returned: 0 });
  });

  test('the money first: the end hears of it, and it goes back, once (I6)', async () => {
    await cancel();
    await sandbox.settle(paymentId, 'succeeded');
    await Promise.all([end(), end(), moneyComes()]);
    await moneyIsBack(paymentId, 'order_cancelled');
  });
});

describe('expiry against cancel', () => {
  test('expiry first: the cancel is told so', async () => {
    const [, cancelled] = await race(expiry, cancel);
    expect(cancelled).toMatchObject({ status: 409, body: { detail: 'its time to pay is over' } });
    expect(await eventsOf(orderId)).toEqual(['order.created', 'order.expired']);
  });

  test('cancel first: the expiry finds nothing to do, and the unit goes back once', async () => {
    const [, expired] = await race(cancel, expiry);
    expect(expired).toEqual([]);
    expect(await eventsOf(orderId)).toEqual(['order.created', 'order.cancelled']);
    await expect.poll(free).toBe(1);
  });
});

describe('starting to pay against the end of the order', () => {
  beforeEach(async () => {
    await sandbox.settle(paymentId, 'failed');
    await expect.poll(() => paymentOf(paymentId)).toMatchObject({ state: 'failed' });
  });
  const start = () => desk.pay(orderId);

  test('start first: the payment is open, and its money goes back when it comes after the end (I6)', async () => {
    const [started] = await race(start, expiry);
    expect(started).toMatchObject({ status: 201 });
    const second = String(started.body.paymentId);
    await moneyComes(second);
    await moneyIsBack(second, 'order_expired');
  });

  test('the end first: no payment is begun', async () => {
    const [, started] = await race(expiry, start);
    expect(started).toMatchObject({ status: 409, body: { code: 'ORDER_STATE' } });
    expect((await sandbox.books(orderId)).payments).toHaveLength(1);
  });
});

describe('two payments of one order', () => {
  let second = '';
  beforeEach(async () => {
    // The first one is taken for failed, a second one is begun, and then both bring money.
    const failed = "UPDATE payments SET state = 'failed' WHERE id = $1";
    await pool.query(failed, [paymentId]);
    second = await desk.begin(orderId);
  });

  test.each([
    ['the first', () => [paymentId, second]],
    ['the second', () => [second, paymentId]],
  ] as const)('%s to bring money pays the order, the other goes back (I6)', async (_which, ids) => {
    const [kept = '', other = ''] = ids();
    await race(
      () => moneyComes(kept),
      () => moneyComes(other),
    );
    expect(await eventsOf(orderId)).toEqual(['order.created', 'order.paid']);
    await moneyIsBackOf(other);
    expect(await refundOf(kept)).toBeUndefined();
  });

  async function moneyIsBackOf(id: string): Promise<void> {
    await expect.poll(() => refundOf(id)).toMatchObject({ state: 'succeeded', reason: 'paid_twice' });
    const { taken, returned } = await sandbox.books(orderId);
    expect(taken - returned).toBe(100);
  }

  test('a second one that comes while the order is refunding, or is refunded, goes back too', async () => {
    await moneyComes(paymentId);
    expect(await desk.refund(orderId)).toMatchObject({ status: 202 });
    await moneyComes(second);
    await expect.poll(() => refundOf(second)).toMatchObject({ state: 'succeeded', reason: 'paid_twice' });
    await expect.poll(() => stateOf(orderId)).toBe('refunded');
    const { taken, returned } = await sandbox.books(orderId);
    expect(taken - returned).toBe(0);
  });
});

describe('refund against refund', () => {
  test('two at once are one refund, and the money goes back once', async () => {
    await moneyComes();
    const [one, two] = await race(
      () => desk.refund(orderId),
      () => desk.refund(orderId),
    );
    expect([one.status, two.status]).toEqual([202, 202]);
    expect(two.body.refundId).toBe(one.body.refundId);
    await moneyIsBack(paymentId, 'requested');
    await expect.poll(() => stateOf(orderId)).toBe('refunded');
  });
});
