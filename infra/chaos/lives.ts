import { setTimeout as wait } from 'node:timers/promises';
import type { Pool } from 'undici';
import { eventOfState, type StoredOrderState } from '#contract/order-events.ts';
import type { Random } from '#lab/random.ts';
import { type Answer, call, type HeldTicket } from '#loadtest/crowd/shopper.ts';
import { type LifeTracker, wishes } from './life-tracker.ts';
import { actOnPage, pageOf } from './provider-page.ts';

const isStored = (state: unknown): state is StoredOrderState => typeof state === 'string' && state in eventOfState;
/** Answers that are never right for the owner of an accepted order. */
const lies = new Set(['UNAUTHENTICATED', 'FORBIDDEN', 'BAD_REQUEST', 'METHOD_NOT_ALLOWED', 'NOT_FOUND']);

/** What shoppers do with their accepted orders, by `pool`: they pay, cancel, want their money back, or go away. */
export function createLives(pool: Pool, tracker: LifeTracker) {
  async function ask(method: 'GET' | 'POST', order: HeldTicket, act = '', body?: object): Promise<Answer | null> {
    const { orderId, token } = order;
    const said = { token, ...(body === undefined ? {} : { body }) };
    const answer = await call(pool, method, `/api/orders/${orderId}${act}`, said).catch(() => null);
    const code = String(answer?.body.code);
    if (answer !== null && lies.has(code)) tracker.lied(orderId, `${code} to ${act || 'a look'}`);
    return answer;
  }

  /** The order's state as it is shown; null without an answer. */
  async function look(order: HeldTicket): Promise<StoredOrderState | 'queued' | null> {
    const answer = await ask('GET', order);
    const state = answer?.status === 200 ? answer.body.state : null;
    if (isStored(state)) {
      tracker.saw(order.orderId, state);
      return state;
    }
    return state === 'queued' ? state : null;
  }

  async function until(order: HeldTicket, states: readonly string[], endsAt: number): Promise<string | null> {
    while (performance.now() < endsAt) {
      const state = await look(order);
      if (state !== null && states.includes(state)) return state;
      await wait(150);
    }
    return null;
  }

  /** Again and again while there is no definite answer, as an impatient person does; the answer when it was done. */
  async function insist(
    order: HeldTicket,
    act: '/payment' | '/cancel' | '/refund',
    endsAt: number,
  ): Promise<Answer | null> {
    while (performance.now() < endsAt) {
      if (act === '/payment') tracker.triesToPay(order.orderId);
      const answer = await ask('POST', order, act);
      if (answer !== null && answer.status < 300) return answer;
      if (answer !== null && answer.status === 409) return null;
      await wait(200);
    }
    return null;
  }

  /** Begins to pay; the page on which to go on, where there is one. */
  async function begin(order: HeldTicket, random: Random, endsAt: number): Promise<string | null> {
    const clicks = random.chance(0.2) ? 2 : 1;
    const answers = await Promise.all(Array.from({ length: clicks }, () => insist(order, '/payment', endsAt)));
    return pageOf(answers.find((answer) => answer !== null)?.body.next);
  }
  /** Most pay on the page; some are declined and press again, some go away and leave the payment open until its order ends. */
  async function pay(order: HeldTicket, random: Random, endsAt: number): Promise<void> {
    const page = await begin(order, random, endsAt);
    if (page === null || random.chance(0.2)) return;
    await wait(random.int(0, 800));
    if (random.chance(0.2)) {
      await actOnPage(page, 'card_declined', endsAt);
      // At once, and perhaps before the decline is known here: then it is led to the same page again.
      const next = await begin(order, random, endsAt);
      if (next !== null) await actOnPage(next, 'pay', endsAt);
      return;
    }
    await actOnPage(page, 'pay', endsAt);
  }
  const cancel = async (order: HeldTicket, endsAt: number) => {
    if ((await insist(order, '/cancel', endsAt)) !== null) tracker.saw(order.orderId, 'cancelled');
  };

  /** The order has ended, and the payment's page is open in another tab. */
  const payLate = async (order: HeldTicket, random: Random, endsAt: number) => {
    const page = await begin(order, random, endsAt);
    await cancel(order, endsAt);
    await wait(random.int(0, 600));
    if (page !== null) await actOnPage(page, 'pay', endsAt);
  };

  /** One accepted order, until its shopper leaves at `endsAt`. */
  return async (order: HeldTicket, random: Random, endsAt: number): Promise<void> => {
    const wish = random.pick(wishes);
    tracker.wishes(order.orderId, wish);
    if (wish === 'leave') return;
    if ((await until(order, ['awaiting_payment'], endsAt)) === null) return;
    await wait(random.int(0, 1500));
    if (wish === 'cancel') return cancel(order, endsAt);
    if (wish === 'late') return payLate(order, random, endsAt);
    if (wish === 'both') {
      await Promise.all([pay(order, random, endsAt), cancel(order, endsAt)]);
      return;
    }
    await pay(order, random, endsAt);
    const end = await until(order, ['paid', 'expired', 'cancelled'], endsAt);
    if (wish !== 'refund' || end !== 'paid') return;
    if ((await insist(order, '/refund', endsAt)) !== null) tracker.saw(order.orderId, 'refunding');
  };
}
