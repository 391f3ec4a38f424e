import type { PaymentState } from '#contract/payment.ts';
import { poll } from '#lab/poll.ts';
import { createRandom, type Random } from '#lab/random.ts';
import type { Connections } from '../cli/kit/connections.ts';
import { behaviourSchema } from '../payment-sandbox/behaviour.ts';
import { type SandboxBooks, sandboxRoutes } from '../payment-sandbox/sandbox-routes.ts';
import type { Stack } from '../stack/stack.ts';
import type { Field } from './field.ts';
import type { LifeTracker, SettledOrder, SettledPayment } from './life-tracker.ts';

/** Ten seconds to pay, then whatever a fault has delayed: the longest are a lost webhook and a lost delayed job. */
const restWithinMs = 240_000;
const shownProblems = 6;
/** What a unit costs in a round, minor units. */
export const unitPrice = 1999;

async function sandbox<T>(stack: Stack, path: string, init: RequestInit = {}): Promise<T> {
  const { SECKILL_PAYMENT_URL: url = '', SECKILL_PAYMENT_API_KEY: key = '' } = stack.environment;
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const answer = await fetch(`${url}${path}`, { ...init, headers, signal: AbortSignal.timeout(10_000) });
  if (!answer.ok) throw new Error(`the sandbox provider answers ${answer.status} to ${path}`);
  return (await answer.json()) as T; // the sandbox's own protocol
}

const tell = (stack: Stack, behaviour: object) =>
  poll('the provider to obey', () =>
    sandbox(stack, sandboxRoutes.behaviour, { method: 'PUT', body: JSON.stringify(behaviourSchema.parse(behaviour)) }),
  );

/** The provider is slow, loses answers and webhooks, sends them twice and out of order, and declines some. */
export function misbehave(stack: Stack, seed: number): Promise<unknown> {
  const random = createRandom(seed);
  const upTo = (most: number) => random.next() * most;
  return tell(stack, {
    seed: seed % 1_000_000,
    decline: upTo(0.15),
    slow: upTo(0.2),
    slowMs: random.int(200, 2500),
    unavailable: upTo(0.3),
    answerLost: upTo(0.3),
    hang: upTo(0.1),
    webhookLost: upTo(0.3),
    webhookRepeated: upTo(0.5),
    webhookLate: upTo(0.5),
    ...shoppersPart(random),
  });
}

/** Of orders of one unit and of two, one kind needs its shopper on the provider's page. */
function shoppersPart(random: Random): object {
  const interaction = random.pick(['redirect', 'qr']);
  const amount = random.pick([1, 1, 2]) * unitPrice;
  return { unendable: random.next() * 0.3, rules: [{ amount, behaviour: { interaction } }] };
}

export const behave = (stack: Stack): Promise<unknown> => tell(stack, {});

type OwnPayment = { paymentId: string; orderId: string; state: PaymentState };

/** Each payment that we or the provider have, as both have it. */
function bothSides(ours: readonly OwnPayment[], theirs: SandboxBooks['payments']): SettledPayment[] {
  const here = new Map(ours.map(({ paymentId, state }) => [paymentId, state]));
  const there = new Map(theirs.map(({ reference, state }) => [reference, state]));
  return [...new Set([...here.keys(), ...there.keys()])].map((paymentId) => ({
    paymentId,
    ours: here.get(paymentId) ?? null,
    theirs: there.get(paymentId) ?? null,
  }));
}

/** Every order of the sale as its row, the provider's books and a subscriber have it. */
async function settledOrders(
  { stack, listener }: Field,
  { store, pool }: Connections,
  saleId: string,
): Promise<SettledOrder[]> {
  const orderIds = (await store.ofSale(saleId)).map(({ orderId }) => orderId);
  const rows = await store.present(orderIds);
  const books = await sandbox<SandboxBooks>(stack, `${sandboxRoutes.books}?orders=${saleId}-`);
  const { rows: kept } = await pool.query<OwnPayment>(
    'SELECT id AS "paymentId", order_id AS "orderId", state FROM payments WHERE order_id = ANY($1)',
    [orderIds],
  );
  const ownPayments = Map.groupBy(kept, ({ orderId }) => orderId);
  const payments = Map.groupBy(books.payments, ({ order }) => order);
  const refunds = Map.groupBy(books.refunds, ({ payment }) => payment);
  const sum = (of: readonly { state: string; amount: number }[]) =>
    of.reduce((total, { state, amount }) => total + (state === 'succeeded' ? amount : 0), 0);
  return [...rows].map(([orderId, { state, amount, version }]) => {
    const own = payments.get(orderId) ?? [];
    const returned = own.flatMap(({ reference }) => refunds.get(reference) ?? []);
    return {
      orderId,
      state,
      amount,
      version,
      taken: sum(own),
      returned: sum(returned),
      payments: bothSides(ownPayments.get(orderId) ?? [], own),
      received: listener.heard(orderId),
      expiries: listener.expiries(orderId),
    };
  });
}

/** Every order has ended its life or is paid, the money is where it belongs, and nobody was told anything else (I6). */
export async function isAtRest(
  field: Field,
  connections: Connections,
  lives: LifeTracker,
  saleId: string,
): Promise<void> {
  await poll(
    'every order to come to rest',
    async () => {
      const problems = lives.problems(await settledOrders(field, connections, saleId));
      if (field.listener.strangers() > 0) problems.push(`${field.listener.strangers()} webhooks were no signed events`);
      if (problems.length === 0) return true;
      const more = problems.length > shownProblems ? `; and ${problems.length - shownProblems} more` : '';
      throw new Error(problems.slice(0, shownProblems).join('; ') + more);
    },
    restWithinMs,
    500,
  );
}
