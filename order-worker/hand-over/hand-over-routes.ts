import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import {
  type HandOverAnswer,
  type HandOverCall,
  type HandOverWord,
  handOverCallSchemas,
  longestHandOverBody,
} from '#contract/hand-over.ts';
import type { HandOverJwk } from '#contract/hand-over-keys.ts';
import { saleIdOfOrder } from '#contract/order.ts';
import { problemResponse } from '#contract/problems.ts';
import type { Logger } from '#runtime/logger.ts';
import { inTransaction, type Pool } from '#runtime/postgres/connect.ts';
import type { Stock } from '#stock/stock.ts';
import { findCheckout } from './find-checkout.ts';
import type { BadCall, ReadCall } from './read-call.ts';
import { type ShopsWord, takeWord, type WordOutcome } from './take-word.ts';
import { type DetailsOf, type TellOutcome, tellDetails } from './tell-details.ts';

/** How a call of the shop's server ended. `not_the_shops`: its sale takes the money here. `not_stored`: accepted, no row yet. */
export type CallOutcome = BadCall | WordOutcome['kind'] | TellOutcome['kind'] | 'not_the_shops' | 'not_stored';

/** Calls that the shop signed and that could not be used: its clock or its program is wrong (SeckillHandOverFaulty). */
export const faultyOutcomes = [
  'timestamp',
  'unreadable',
  'mismatch',
  'not_the_shops',
] as const satisfies readonly CallOutcome[];

type Recorded = Extract<WordOutcome, { at: Date }>;
type Told = Extract<TellOutcome, { answer: unknown }>;
/** Of an order that is none of the shop's, or has no row. */
type Missed = { kind: 'unknown' | 'not_the_shops' | 'not_stored' };
type Refused = Missed | Exclude<WordOutcome, Recorded> | Exclude<TellOutcome, Told>;

const keysAgeSeconds = 600;
const noStore = { 'Cache-Control': 'private, no-store' };

/** `GET /api/hand-over/keys`, and `POST /api/hand-over/orders/<orderId>/paid`, `/cancelled`, `/refunded`, `/details`. */
export function createHandOverApp(deps: {
  readCall: ReadCall;
  keys: readonly HandOverJwk[];
  pool: Pool;
  stock: Pick<Stock, 'reservation'>;
  /** Contact and address. */
  detailsOf: DetailsOf;
  now: () => number;
  logger: Pick<Logger, 'info'>;
  /** An order has moved: that waits in the outbox. */
  onMoved: () => void;
  /** For the metrics: how each call ended. */
  onCall: (call: HandOverCall, outcome: CallOutcome) => void;
}): Hono {
  const { readCall, keys, pool, stock, detailsOf, now, logger, onMoved, onCall } = deps;
  const app = new Hono();
  app.use(
    '/api/hand-over/orders/*',
    bodyLimit({ maxSize: longestHandOverBody, onError: () => problemResponse('BODY_TOO_LARGE') }),
  );

  // An empty set says that the hand-over is not set up; that shall not be remembered.
  app.get('/api/hand-over/keys', (context) =>
    context.json({ keys }, 200, {
      'Cache-Control': keys.length === 0 ? 'no-store' : `public, max-age=${keysAgeSeconds}`,
    }),
  );

  /** Looks at an order of the shop's, and says what it is where there is none. */
  async function ofTheShop<O extends { kind: string }>(
    orderId: string,
    look: () => Promise<O | { kind: 'unknown' }>,
  ): Promise<O | Missed> {
    const saleId = saleIdOfOrder(orderId);
    const checkout = saleId === null ? null : await findCheckout(pool, saleId);
    if (checkout === null) return { kind: 'unknown' };
    if (checkout.mode !== 'shop') return { kind: 'not_the_shops' };
    const outcome = await look();
    return outcome.kind === 'unknown' && (await stock.reservation(orderId)) !== null ? { kind: 'not_stored' } : outcome;
  }

  function refuse(call: HandOverCall, orderId: string, outcome: Refused): Response {
    onCall(call, outcome.kind);
    // The shop signed it: no stranger can fill the log.
    logger.info({ orderId, call, outcome: outcome.kind }, 'a call of the shop was refused');
    return refusalOf(outcome);
  }

  async function take(context: Context, word: HandOverWord, said: ShopsWord): Promise<Response> {
    const { orderId } = said.data;
    const outcome = await ofTheShop<WordOutcome>(orderId, () =>
      inTransaction(pool, (client) => takeWord(client, said, now())),
    );
    if (!('at' in outcome)) return refuse(word, orderId, outcome);
    if (outcome.kind === 'recorded') onMoved();
    onCall(word, outcome.kind);
    const reference = said.word === 'cancelled' ? null : said.data.reference;
    const recorded: HandOverAnswer = { orderId, recorded: word, reference, at: outcome.at.toISOString() };
    return context.json(recorded, 200, noStore);
  }

  const bad = (call: HandOverCall, { why, answer }: { why: BadCall; answer: Response }) => {
    onCall(call, why);
    return answer;
  };
  const path = (call: HandOverCall) => `/api/hand-over/orders/:orderId/${call}`;
  app.post(path('paid'), async (context) => {
    const call = await readCall(context, handOverCallSchemas.paid);
    if (call.kind === 'bad') return bad('paid', call);
    return take(context, 'paid', { word: 'paid', data: call.body.data });
  });
  app.post(path('cancelled'), async (context) => {
    const call = await readCall(context, handOverCallSchemas.cancelled);
    if (call.kind === 'bad') return bad('cancelled', call);
    return take(context, 'cancelled', { word: 'cancelled', data: call.body.data });
  });
  app.post(path('refunded'), async (context) => {
    const call = await readCall(context, handOverCallSchemas.refunded);
    if (call.kind === 'bad') return bad('refunded', call);
    return take(context, 'refunded', { word: 'refunded', data: call.body.data });
  });
  app.post(path('details'), async (context) => {
    const call = await readCall(context, handOverCallSchemas.details);
    if (call.kind === 'bad') return bad('details', call);
    const { orderId } = call.body.data;
    const outcome = await ofTheShop<TellOutcome>(orderId, () => tellDetails({ pool, detailsOf }, orderId));
    if (!('answer' in outcome)) return refuse('details', orderId, outcome);
    onCall('details', outcome.kind);
    return context.json(outcome.answer, 200, noStore);
  });
  return app;
}

function refusalOf(outcome: Refused): Response {
  switch (outcome.kind) {
    case 'too_late':
    case 'wrong_state':
    case 'ended':
      return problemResponse('ORDER_STATE', { detail: outcome.why });
    case 'mismatch': {
      const { amount, currency } = outcome.order;
      return problemResponse('BAD_REQUEST', { detail: `the order is of ${amount} ${currency}, in minor units` });
    }
    case 'unknown':
      return problemResponse('ORDER_UNKNOWN');
    case 'not_the_shops':
      return problemResponse('FORBIDDEN', { detail: 'this order is paid here, not at the shop: its sale says so' });
    case 'not_stored': {
      const detail = 'the order was accepted and is not stored yet: say it again in a moment';
      return problemResponse('UNAVAILABLE', { detail, retryAfterSeconds: 1 });
    }
  }
}
