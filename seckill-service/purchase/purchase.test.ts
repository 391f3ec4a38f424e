import { expect, test } from 'vitest';
import { newOrderId } from '#contract/order.ts';
import type { ShownOrder } from '#contract/shown-order.ts';
import { signTicket } from '#contract/ticket.ts';
import { StockFault } from '#stock/fault.ts';
import type { ReserveOutcome } from '#stock/outcomes.ts';
import { answerOf } from './answer.ts';
import { questionLifeMs } from './gate.ts';
import { createPurchase } from './purchase.ts';

const keys = [{ id: 'k1', secret: 's'.repeat(32) }];
const start = 1_795_000_000_000;
const orderId = newOrderId('autumn', start);
const ticket = signTicket({ orderId, userId: 'u', expiresAtMs: start + 60_000 }, keys);
const accepted: ReserveOutcome = { kind: 'accepted', place: 7, soldOutEpoch: null };

/** A purchase whose stock gives these answers in turn; the clock moves only by waiting. */
function purchaseWith(...replies: (ReserveOutcome | StockFault)[]) {
  return showing(null, ...replies);
}

/** The same, where the order's picture is `shown`. */
function showing(shown: Pick<ShownOrder, 'state'> | StockFault | null, ...replies: (ReserveOutcome | StockFault)[]) {
  let nowMs = start;
  const asked: string[] = [];
  const units: number[] = [];
  const told: string[] = [];
  const purchase = createPurchase({
    stock: {
      reserve: async (_saleId, { orderId: id, quantity }) => {
        asked.push(id);
        units.push(quantity);
        const reply = replies[Math.min(asked.length, replies.length) - 1];
        if (reply === undefined || reply instanceof StockFault) throw reply;
        return reply;
      },
      shown: async () => {
        if (shown instanceof StockFault) throw shown;
        return shown && { version: 2, payByMs: start, amount: 100, currency: 'EUR', ...shown };
      },
    },
    ticketKeys: () => keys,
    now: () => nowMs,
    wait: async (ms) => {
      nowMs += ms;
    },
    onAccepted: () => told.push('accepted'),
    onSoldOut: (_saleId, epoch) => told.push(`sold out ${epoch}`),
  });
  return { purchase, asked, units, told, elapsed: () => nowMs - start };
}
const unknown = new StockFault('unknown', 'link lost');
const unavailable = new StockFault('unavailable', 'no link');

test('a lost answer is asked for again with the same order, and the shopper gets the one truth (I5)', async () => {
  const { purchase, asked, told } = purchaseWith(unknown, unavailable, { kind: 'replay', place: 7 });
  expect(await purchase('autumn', ticket, { quantity: 1 })).toEqual({ kind: 'replay', place: 7, orderId });
  expect(asked).toEqual([orderId, orderId, orderId]);
  expect(told).toEqual(['accepted']); // once, although it was asked three times
});

test('a no is told only when no earlier question can meet a unit any more; a yes at once', async () => {
  const soldOut: ReserveOutcome = { kind: 'sold_out', epoch: 4 };
  const refused = purchaseWith(unknown, soldOut);
  expect(await refused.purchase('autumn', ticket, { quantity: 1 })).toEqual({ ...soldOut, orderId });
  expect(refused.asked).toHaveLength(3); // the last one after the first one's life
  expect(refused.elapsed()).toBeGreaterThan(questionLifeMs);

  const granted = purchaseWith(unknown, soldOut, { kind: 'replay', place: 7 });
  expect((await granted.purchase('autumn', ticket, { quantity: 1 })).kind).toBe('replay');

  const first = purchaseWith(soldOut);
  expect((await first.purchase('autumn', ticket, { quantity: 1 })).kind).toBe('sold_out');
  expect([first.asked.length, first.elapsed()]).toEqual([1, 0]);
});

test('a no that cannot be sure in time is told as "unavailable"', async () => {
  const late = Array.from({ length: 30 }, () => unknown);
  const { purchase } = purchaseWith(...late, { kind: 'sold_out', epoch: 4 });
  expect(await purchase('autumn', ticket, { quantity: 1 })).toEqual({ kind: 'unavailable' });
});

test('an answer that stays unknown ends as "unavailable" within the deadline', async () => {
  const { purchase, elapsed } = purchaseWith(unknown);
  expect(await purchase('autumn', ticket, { quantity: 1 })).toEqual({ kind: 'unavailable' });
  expect(elapsed()).toBeLessThanOrEqual(2100);
});

test('when nothing was sent the shopper is told at once', async () => {
  const { purchase, asked } = purchaseWith(unavailable);
  expect(await purchase('autumn', ticket, { quantity: 1 })).toEqual({ kind: 'unavailable' });
  expect(asked).toHaveLength(1);
});

test('the last unit is announced with its epoch', async () => {
  const { purchase, told } = purchaseWith({ ...accepted, soldOutEpoch: 5 });
  await purchase('autumn', ticket, { quantity: 1 });
  expect(told).toEqual(['accepted', 'sold out 5']);
});

test('a ticket of another sale, or a bad quantity, never reaches the stock', async () => {
  const { purchase, asked } = purchaseWith(accepted);
  const kinds = [];
  kinds.push((await purchase('winter', ticket, { quantity: 1 })).kind);
  kinds.push((await purchase('autumn', undefined, { quantity: 1 })).kind);
  for (const body of [
    null,
    [],
    {},
    { quantity: '1' },
    { quantity: 0 },
    { quantity: -1 },
    { quantity: 1.5 },
    { quantity: 2 ** 53 },
  ]) {
    kinds.push((await purchase('autumn', ticket, body)).kind);
  }
  expect(kinds).toEqual([
    'ticket_invalid',
    'ticket_missing',
    ...Array(4).fill('quantity_missing'),
    ...Array(4).fill('quantity_invalid'),
  ]);
  expect(asked).toEqual([]);
});

test('a repeat hears how its order ended, or only that it ended when its state is not known', async () => {
  const ended: ReserveOutcome = { kind: 'ended', place: 7 };
  const states = ['cancelled', 'expired', 'refunded', 'failed'] as const;
  for (const state of states) {
    const { purchase } = showing({ state }, ended);
    const outcome = await purchase('autumn', ticket, { quantity: 1 });
    expect(outcome).toEqual({ kind: 'ended', orderId, state });
    const { status, body, headers } = answerOf(outcome);
    expect([status, JSON.parse(body)]).toMatchObject([
      409,
      { code: 'ORDER_STATE', detail: expect.stringContaining(state) },
    ]);
    expect(headers).toContain(`/api/orders/${orderId}`);
  }
  for (const shown of [null, { state: 'awaiting_payment' as const }, unavailable]) {
    const outcome = await showing(shown, unknown, ended).purchase('autumn', ticket, { quantity: 1 });
    expect(outcome).toEqual({ kind: 'ended', orderId, state: null });
    expect(JSON.parse(answerOf(outcome).body).detail).toContain('has ended');
  }
});

test('a ticket that has expired takes no unit, and tells of the order that it made (I4, I5)', async () => {
  const expired = signTicket({ orderId, userId: 'u', expiresAtMs: start - 1000 }, keys);
  const buy = (...replies: Parameters<typeof purchaseWith>) => {
    const with_ = purchaseWith(...replies);
    return with_.purchase('autumn', expired, { quantity: 1 }).then(({ kind }) => ({ kind, units: with_.units }));
  };
  expect(await buy({ kind: 'replay', place: 7 })).toEqual({ kind: 'replay', units: [0] });
  expect(await buy({ kind: 'ended', place: 7 })).toEqual({ kind: 'ended', units: [0] });
  for (const no of ['quantity_invalid', 'closed', 'paused', 'sale_unknown'] as const) {
    expect(await buy({ kind: no })).toEqual({ kind: 'ticket_expired', units: [0] });
  }
  expect(await buy(unavailable)).toEqual({ kind: 'unavailable', units: [0] });
  expect((await purchaseWith(accepted).purchase('winter', expired, { quantity: 1 })).kind).toBe('ticket_invalid');
});

test('an error that is no fault of the stock is not hidden', async () => {
  const broken = createPurchase({
    stock: { reserve: async () => Promise.reject(new Error('a bug')), shown: async () => null },
    ticketKeys: () => keys,
    now: () => start,
    wait: async () => {},
    onAccepted: () => {},
    onSoldOut: () => {},
  });
  await expect(broken('autumn', ticket, { quantity: 1 })).rejects.toThrow('a bug');
});
