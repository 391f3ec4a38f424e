import type { StoredOrderState } from '#contract/order-events.ts';
import type { PaymentState } from '#contract/payment.ts';
import { orderMoves } from '#order-worker/orders/order-state.ts';

/**
 * What a shopper wants to do with an order that was accepted. `both`: pays and cancels at the same moment. `late`: begins to pay,
 * cancels, and pays all the same on the provider's page, which is open still.
 */
export const wishes = ['pay', 'refund', 'cancel', 'both', 'late', 'leave'] as const;
export type Wish = (typeof wishes)[number];

/** A payment as we and the provider have it; null: not at all. */
export type SettledPayment = { paymentId: string; ours: PaymentState | null; theirs: PaymentState | null };

/** How an order stands when everything has come to rest; money in minor units, by the provider's own books. */
export type SettledOrder = {
  orderId: string;
  state: StoredOrderState;
  amount: number;
  taken: number;
  returned: number;
  payments: readonly SettledPayment[];
  /** The versions that a subscriber heard of, in the order in which they came, repetitions left out. */
  received: readonly number[];
  /** How many different events told a subscriber that it expired. */
  expiries: number;
  /** The version of the row: a subscriber has each event from 1 to it. */
  version: number;
};

export type LifeTracker = ReturnType<typeof createLifeTracker>;

const atRest: ReadonlySet<StoredOrderState> = new Set(['paid', 'expired', 'cancelled', 'refunded']);

/** Everything that `from` can lead to, itself included. */
function reachable(from: StoredOrderState): Set<StoredOrderState> {
  const seen = new Set<StoredOrderState>([from]);
  for (const state of seen) for (const next of orderMoves[state]) seen.add(next);
  return seen;
}

/**
 * Keeps what shoppers were told about the lives of their orders, and holds against it how the orders ended, where the
 * money is by the provider's own books, and what a subscriber heard (I6). Pure. A problem is a sentence that names the
 * order.
 */
export function createLifeTracker() {
  const lives = new Map<string, { wish: Wish; hasTriedToPay: boolean; seen: Set<StoredOrderState> }>();
  const problems: string[] = [];

  const lifeOf = (orderId: string) => {
    const life = lives.get(orderId) ?? { wish: 'leave' as const, hasTriedToPay: false, seen: new Set() };
    lives.set(orderId, life);
    return life;
  };

  return {
    wishes(orderId: string, wish: Wish): void {
      lifeOf(orderId).wish = wish;
    },
    triesToPay(orderId: string): void {
      lifeOf(orderId).hasTriedToPay = true;
    },
    /** The order was in that state, by an answer that counts. */
    saw(orderId: string, state: StoredOrderState): void {
      lifeOf(orderId).seen.add(state);
    },
    /** An answer that can never be right. */
    lied(orderId: string, answer: string): void {
      problems.push(`${orderId} was answered ${answer}, which is not so`);
    },
    counts: () =>
      Object.fromEntries(wishes.map((wish) => [wish, [...lives.values()].filter((life) => life.wish === wish).length])),

    problems(orders: readonly SettledOrder[]): string[] {
      const found = [...problems];
      for (const order of orders) {
        const { orderId, state, amount, taken, returned, received, expiries, version } = order;
        const { wish, hasTriedToPay, seen } = lifeOf(orderId);
        if (!atRest.has(state)) found.push(`${orderId} has not come to rest: it is ${state}`);
        for (const before of seen) {
          if (!reachable(before).has(state)) found.push(`${orderId} was shown as ${before} and ended as ${state} (I6)`);
        }
        const kept = taken - returned;
        const due = state === 'paid' ? amount : 0;
        if (kept !== due) found.push(`${orderId} is ${state}, and of its money ${kept} is kept instead of ${due} (I6)`);
        found.push(...order.payments.flatMap((payment) => problemsOfPayment(orderId, payment)));
        if (!hasTriedToPay && state !== 'expired' && state !== 'cancelled') {
          found.push(`${orderId} is ${state}, and nobody ever paid (I6)`);
        }
        if (wish === 'leave' && state !== 'expired') found.push(`${orderId} was left alone, and is ${state}`);
        const ends = state === 'expired' ? 1 : 0;
        if (expiries !== ends) found.push(`${orderId} is ${state}, and expired ${expiries} times (I6)`);
        const expected = Array.from({ length: version }, (_, index) => index + 1);
        if (received.join() !== expected.join()) {
          found.push(`${orderId} has events ${expected.join()}, its subscriber heard ${received.join() || 'none'}`);
        }
      }
      return found;
    },
  };
}

/**
 * Of an order that is at rest, no payment can be paid any more, and both sides say the same of each. One that the provider
 * never heard of stays open here until a minute after its order's time to pay: a round does not wait for that.
 */
function problemsOfPayment(orderId: string, { paymentId, ours, theirs }: SettledPayment): string[] {
  const of = `${paymentId} of ${orderId}`;
  if (theirs === 'pending') return [`${of} can be paid still`];
  if (theirs === null && ours !== 'succeeded') return [];
  return ours === theirs ? [] : [`${of} is ${ours ?? 'unknown'} here and ${theirs ?? 'unknown'} at the provider`];
}
