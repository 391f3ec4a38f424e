import type { Pool } from 'undici';
import { askPatiently, isWorthWaiting, type Waits } from './patience.ts';
import { type Answer, call, type HeldTicket, solve } from './shopper.ts';

/** What a shopper asks for, in order. */
export type Step = 'sign-in' | 'challenge' | 'ticket' | 'purchase' | 'order' | 'payment';

/** `gave up`: a minute of asking brought no answer that means anything. */
export type Outcome<Value> =
  | { kind: 'ok'; value: Value }
  | { kind: 'refused'; step: Step; code: string }
  | { kind: 'gave up'; step: Step };

/** One after the other, each as patient as the page; a broken line is an answer like any other, and nothing throws. */
export function createPatientShopper(pool: Pool, saleId: string, waits: Waits) {
  async function asked<Value>(
    step: Step,
    ask: (attempt: number) => Promise<Answer>,
    read: (body: Answer['body']) => Value,
  ): Promise<Outcome<Value>> {
    const isPurchase = step === 'purchase';
    const reply = await askPatiently(waits, ask, isPurchase);
    if (reply === null || isWorthWaiting(reply, isPurchase)) return { kind: 'gave up', step };
    if (reply.status < 300) return { kind: 'ok', value: read(reply.body) };
    return { kind: 'refused', step, code: String(reply.body.code) };
  }

  async function getTicket(): Promise<Outcome<HeldTicket>> {
    const shopper = await asked(
      'sign-in',
      () => call(pool, 'POST', '/api/session'),
      (body) => ({ token: String(body.token), userId: String(body.userId) }),
    );
    if (shopper.kind !== 'ok') return shopper;
    const { token } = shopper.value;
    const challenge = await asked(
      'challenge',
      () => call(pool, 'GET', `/api/sales/${saleId}/challenge`, { token }),
      (body) => ({ challengeId: body.challengeId, answer: solve(String(body.question)) }),
    );
    if (challenge.kind !== 'ok') return challenge;
    return asked(
      'ticket',
      () => call(pool, 'POST', `/api/sales/${saleId}/ticket`, { token, body: challenge.value }),
      (body) => ({ ...shopper.value, ticket: String(body.ticket), orderId: String(body.orderId) }),
    );
  }

  /** After a lost answer the order itself is asked for: the purchase may have gone through. */
  async function buy(held: HeldTicket): Promise<Outcome<HeldTicket>> {
    let mayBeDone = false;
    const bought = await asked(
      'purchase',
      async (attempt) => {
        const { ticket } = held;
        const options = { ticket, attempt, body: { quantity: 1 } };
        const answer = await call(pool, 'POST', `/api/sales/${saleId}/orders`, options).catch((error: unknown) => {
          mayBeDone = true;
          throw error;
        });
        const { code } = answer.body;
        if (code === 'UNAVAILABLE' || (code === undefined && answer.status >= 500)) mayBeDone = true;
        return answer;
      },
      () => held,
    );
    // It went through before, and its order has ended since.
    if (bought.kind === 'refused' && bought.code === 'ORDER_STATE') return { kind: 'ok', value: held };
    if (bought.kind === 'ok' || !mayBeDone) return bought;
    const order = await asked(
      'purchase',
      () => askOrder(held),
      () => held,
    );
    return order.kind === 'refused' ? bought : order;
  }

  const askOrder = ({ orderId, token }: HeldTicket) => call(pool, 'GET', `/api/orders/${orderId}`, { token });

  const pay = (held: HeldTicket): Promise<Outcome<HeldTicket>> =>
    asked(
      'payment',
      () => call(pool, 'POST', `/api/orders/${held.orderId}/payment`, { token: held.token, body: {} }),
      () => held,
    );

  /** How the order stands now; null when that cannot be told, which a page asks again. */
  const look = (held: HeldTicket): Promise<Answer | null> => askOrder(held).catch(() => null);

  return { getTicket, buy, pay, look };
}
