import type { PurchaseAnswer } from '#contract/order.ts';
import type { ProblemCode } from '#contract/problems.ts';
import type { Call, Reply } from './api.ts';
import { backoffMs } from './backoff.ts';

export type PurchaseDeps = {
  call: Call;
  /** The same, signed in. */
  callAsUser: Call;
  sleep(ms: number): Promise<void>;
  nowMs(): number;
  random(): number;
  /** Told before each wait, so that nobody stares at a silent button. */
  onWait(): void;
};
export type Purchase = { saleId: string; ticket: string; orderId: string; quantity: number; wasTried: boolean };

/** `unsure`: it may have gone through. Asking again with the same ticket can never buy twice. */
export type PurchaseOutcome =
  | { kind: 'accepted'; orderId: string }
  | { kind: 'refused'; code: ProblemCode }
  | { kind: 'unsure' };

const patienceMs = 60_000;
/** Waiting helps with these; having waited in vain says nothing about the order. */
export const waitsOut = new Set<ProblemCode>(['RATE_LIMITED', 'BUSY', 'UNAVAILABLE']);
const longestNotOpenMs = 5000;

function isWorthWaiting<Body>(reply: Exclude<Reply<Body>, { kind: 'ok' }>): boolean {
  if (reply.kind === 'lost' || waitsOut.has(reply.code)) return true;
  // A shopper's clock that runs a little ahead of ours.
  return reply.code === 'NOT_OPEN' && (reply.retryAfterMs ?? 0) <= longestNotOpenMs;
}

/** Asks until there is an answer that means something, or for a minute. The last reply comes back either way. */
export async function askPatiently<Body>(
  deps: Omit<PurchaseDeps, 'call' | 'callAsUser'>,
  ask: () => Promise<Reply<Body>>,
) {
  const untilMs = deps.nowMs() + patienceMs;
  for (let attempt = 0; ; attempt += 1) {
    const reply = await ask();
    if (reply.kind === 'ok' || !isWorthWaiting(reply)) return reply;
    // Too early by the server's clock: a matter of milliseconds, which nobody should pay for with a whole second.
    const isEarly = attempt < 10 && reply.kind === 'refused' && reply.code === 'NOT_OPEN';
    const waitMs = isEarly ? 80 + deps.random() * 120 : backoffMs(attempt, reply.retryAfterMs, deps.random);
    if (deps.nowMs() + waitMs >= untilMs) return reply;
    deps.onWait();
    await deps.sleep(waitMs);
  }
}

/**
 * Buys with one ticket (I5): every repeat is the same purchase, and says that it is one. When an attempt's answer was lost,
 * no later refusal is believed before the order itself has been asked for: the first attempt may have taken the last
 * unit, and an edge above its budget for repeats only says "later".
 */
export async function placeOrder(deps: PurchaseDeps, purchase: Purchase): Promise<PurchaseOutcome> {
  const { saleId, ticket, orderId, quantity } = purchase;
  let mayBeDone = purchase.wasTried;
  let attempts = purchase.wasTried ? 1 : 0;
  const reply = await askPatiently(deps, async () => {
    attempts += 1;
    const answer = await deps.call<PurchaseAnswer>('POST', `/api/sales/${saleId}/orders`, {
      body: { quantity },
      // The edge lets a repeat ask for its order where it would refuse a first press by itself.
      headers: { 'Seckill-Ticket': ticket, ...(attempts > 1 && { 'Seckill-Attempt': String(attempts) }) },
    });
    if (answer.kind === 'lost' || (answer.kind === 'refused' && answer.code === 'UNAVAILABLE')) mayBeDone = true;
    return answer;
  });
  if (reply.kind === 'ok') return { kind: 'accepted', orderId: reply.body.orderId };
  // It went through before, and its order has ended since: the order's page says how.
  if (reply.kind === 'refused' && reply.code === 'ORDER_STATE') return { kind: 'accepted', orderId };
  if (mayBeDone) {
    const order = await askPatiently(deps, () => deps.callAsUser<unknown>('GET', `/api/orders/${orderId}`));
    if (order.kind === 'ok') return { kind: 'accepted', orderId };
    if (order.kind === 'lost' || order.code !== 'ORDER_UNKNOWN') return { kind: 'unsure' };
  }
  return { kind: 'refused', code: reply.kind === 'lost' ? 'UNAVAILABLE' : reply.code };
}
