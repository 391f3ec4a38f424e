import { expect, test } from 'vitest';
import type { ProblemCode } from '#contract/problems.ts';
import type { Call, Reply } from './api.ts';
import { type PurchaseDeps, placeOrder } from './purchase.ts';

const orderId = 'tea-01hx0000000000000000000101';
const accepted: Reply<unknown> = { kind: 'ok', body: { orderId, state: 'queued', place: 7 } };
const lost: Reply<unknown> = { kind: 'lost', retryAfterMs: null };
const refused = (code: ProblemCode, retryAfterMs: number | null = null): Reply<unknown> => ({
  kind: 'refused',
  status: 400,
  code,
  retryAfterMs,
});

/** Plays the replies in order, the last one for ever; time passes only by waiting. */
function shop(purchases: Reply<unknown>[], orders: Reply<unknown>[] = []) {
  const seen = {
    tickets: [] as (string | undefined)[],
    attempts: [] as (string | null)[],
    looks: 0,
    waits: [] as number[],
  };
  let nowMs = 0;
  const next = (replies: Reply<unknown>[]) => (replies.length > 1 ? replies.shift() : replies[0]) ?? lost;
  const call = async (_method: string, _path: string, options?: Parameters<Call>[2]) => {
    seen.tickets.push(options?.headers?.['Seckill-Ticket']);
    seen.attempts.push(options?.headers?.['Seckill-Attempt'] ?? null);
    return next(purchases);
  };
  const callAsUser = async () => {
    seen.looks += 1;
    return next(orders);
  };
  const deps: PurchaseDeps = {
    call: call as Call,
    callAsUser: callAsUser as Call,
    sleep: async (ms) => {
      seen.waits.push(ms);
      nowMs += ms;
    },
    nowMs: () => nowMs,
    random: () => 0.5,
    onWait: () => {},
  };
  const buy = (wasTried = false) =>
    placeOrder(deps, { saleId: 'tea', ticket: 'ticket', orderId, quantity: 1, wasTried });
  return { buy, seen };
}

test('an accepted order is one request and no wait', async () => {
  const { buy, seen } = shop([accepted]);
  expect(await buy()).toEqual({ kind: 'accepted', orderId });
  expect(seen).toEqual({ tickets: ['ticket'], attempts: [null], looks: 0, waits: [] });
});

test('a lost connection and every busy answer are retried with the same ticket, each repeat as one (I5)', async () => {
  const { buy, seen } = shop([lost, refused('BUSY'), refused('RATE_LIMITED'), refused('UNAVAILABLE'), accepted]);
  expect(await buy()).toEqual({ kind: 'accepted', orderId });
  expect(new Set(seen.tickets)).toEqual(new Set(['ticket']));
  expect(seen.attempts).toEqual([null, '2', '3', '4', '5']);
});

test('no retry comes sooner than the server asked for', async () => {
  const { buy, seen } = shop([refused('BUSY', 3000), accepted]);
  await buy();
  expect(seen.waits[0]).toBeGreaterThanOrEqual(3000);
});

test.each<ProblemCode>(['SOLD_OUT', 'SALE_CLOSED', 'TICKET_EXPIRED', 'LIMIT_REACHED'])(
  'never believes %s after a lost answer before the order has been asked for',
  async (code) => {
    const mine = shop([lost, refused(code)], [lost, { kind: 'ok', body: {} }]);
    expect(await mine.buy()).toEqual({ kind: 'accepted', orderId });
    const none = shop([lost, refused(code)], [refused('ORDER_UNKNOWN')]);
    expect(await none.buy()).toEqual({ kind: 'refused', code });
    expect(none.seen.looks).toBe(1);
  },
);

test('an attempt of an earlier page load counts as a lost answer', async () => {
  const { buy, seen } = shop([refused('SOLD_OUT')], [{ kind: 'ok', body: {} }]);
  expect(await buy(true)).toEqual({ kind: 'accepted', orderId });
  expect(seen).toMatchObject({ attempts: ['2'], looks: 1 });
});

test('a ticket whose order has ended leads to that order', async () => {
  const { buy, seen } = shop([lost, refused('ORDER_STATE')]);
  expect(await buy()).toEqual({ kind: 'accepted', orderId });
  expect(seen.looks).toBe(0);
});

test('a plain refusal costs no second request', async () => {
  const { buy, seen } = shop([refused('SOLD_OUT')]);
  expect(await buy()).toEqual({ kind: 'refused', code: 'SOLD_OUT' });
  expect(seen.looks).toBe(0);
});

test('says that it does not know when neither the purchase nor the order gets an answer', async () => {
  const { buy, seen } = shop([lost], [lost]);
  expect(await buy()).toEqual({ kind: 'unsure' });
  expect(seen.waits.reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(120_000);
});

test('a clock that runs a little ahead costs its shopper milliseconds, not a whole second', async () => {
  const { buy, seen } = shop([refused('NOT_OPEN', 1000), refused('NOT_OPEN', 1000), accepted]);
  expect(await buy()).toEqual({ kind: 'accepted', orderId });
  expect(seen.waits).toHaveLength(2);
  for (const waitMs of seen.waits) expect(waitMs).toBeLessThanOrEqual(200);
});

test('waits out an opening that is a moment away, not one that is far', async () => {
  expect(await shop([refused('NOT_OPEN', 1000), accepted]).buy()).toEqual({ kind: 'accepted', orderId });
  expect(await shop([refused('NOT_OPEN', 60_000)]).buy()).toEqual({ kind: 'refused', code: 'NOT_OPEN' });
});
