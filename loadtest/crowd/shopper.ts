import type { Pool } from 'undici';
import type { OrderState } from '#contract/order.ts';
import type { Answer } from './answer.ts';
import { WholeAnswer } from './whole-answer.ts';

export type { Answer };

/** One shopper as the page behaves: signs in, solves the challenge, buys with one ticket, looks at the order. */
export type Shopper = { token: string; userId: string };
export type HeldTicket = Shopper & { ticket: string; orderId: string };

type Asked = { token?: string; ticket?: string; attempt?: number; body?: unknown };

/** One request; the body is always JSON here. Rejects when there is no answer at all, or none in JSON. */
export function call(pool: Pool, method: 'GET' | 'POST', path: string, options: Asked = {}): Promise<Answer> {
  const { body } = options;
  const sent = { method, path, headers: headersOf(options), ...(body !== undefined && { body: JSON.stringify(body) }) };
  // A handler, not `pool.request`, whose body is a stream: a crowd's client costs a third less, on the machine that answers it.
  return new Promise((resolve, reject) => pool.dispatch(sent, new WholeAnswer(resolve, reject)));
}

function headersOf({ token, ticket, attempt, body }: Asked): Record<string, string> {
  const headers: Record<string, string> = {};
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  if (ticket !== undefined) headers['seckill-ticket'] = ticket;
  // A first press names none.
  if (attempt !== undefined && attempt > 1) headers['seckill-attempt'] = String(attempt);
  if (body !== undefined) headers['content-type'] = 'application/json';
  return headers;
}

export async function signIn(pool: Pool): Promise<Shopper> {
  const { status, body } = await call(pool, 'POST', '/api/session');
  if (status !== 201) throw new Error(`signing in: ${status} ${String(body.code)}`);
  return { token: String(body.token), userId: String(body.userId) };
}

/** Solves the built-in sum, as a script would; other kinds are for people. */
export function solve(question: string): string {
  const match = /(\d+) \+ (\d+)/.exec(question);
  return match === null ? '' : String(Number(match[1]) + Number(match[2]));
}

/** A ticket, or the answer that refused it. */
export async function getTicket(pool: Pool, saleId: string, shopper: Shopper): Promise<HeldTicket | Answer> {
  const challenge = await call(pool, 'GET', `/api/sales/${saleId}/challenge`, { token: shopper.token });
  if (challenge.status !== 200) return challenge;
  const answer = await call(pool, 'POST', `/api/sales/${saleId}/ticket`, {
    token: shopper.token,
    body: { challengeId: challenge.body.challengeId, answer: solve(String(challenge.body.question)) },
  });
  if (answer.status !== 201) return answer;
  return { ...shopper, ticket: String(answer.body.ticket), orderId: String(answer.body.orderId) };
}

/** Buys; retries with the same ticket while the system says that waiting helps, as the page does. */
export async function buy(
  pool: Pool,
  saleId: string,
  held: HeldTicket,
  wait: (ms: number) => Promise<void>,
  tries = 5,
): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await call(pool, 'POST', `/api/sales/${saleId}/orders`, {
      ticket: held.ticket,
      attempt,
      body: { quantity: 1 },
    });
    if ((answer.status !== 503 && answer.status !== 429) || attempt === tries) return answer;
    await wait(Math.max(0.2, answer.retryAfterSeconds) * 1000 * (0.5 + Math.random()));
  }
}

/** Presses pay until a payment is open, as the page does; true when the order is on its way to be paid. */
export async function pay(
  pool: Pool,
  held: HeldTicket,
  wait: (ms: number) => Promise<void>,
  tries = 5,
): Promise<boolean> {
  for (let attempt = 1; ; attempt += 1) {
    const path = `/api/orders/${held.orderId}/payment`;
    const answer = await call(pool, 'POST', path, { token: held.token, body: {} });
    if (answer.status !== 503 || attempt === tries) return answer.status === 201;
    await wait(Math.max(0.2, answer.retryAfterSeconds) * 1000 * (0.5 + Math.random()));
  }
}

export async function orderState(pool: Pool, held: HeldTicket): Promise<OrderState | null> {
  const { status, body } = await call(pool, 'GET', `/api/orders/${held.orderId}`, { token: held.token });
  return status === 200 ? (body.state as OrderState) : null; // the contract's own field
}
