import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import {
  type HandOverAnswer,
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

/** How a call of the shop's server ended. `not_the_shops`: its sale takes the money here. `not_stored`: accepted, no row yet. */
export type CallOutcome = BadCall | WordOutcome['kind'] | 'not_the_shops' | 'not_stored';

/** Calls that the shop signed and that could not be used: its clock or its program is wrong (SeckillHandOverFaulty). */
export const faultyOutcomes = [
  'timestamp',
  'unreadable',
  'mismatch',
  'not_the_shops',
] as const satisfies readonly CallOutcome[];

type Recorded = Extract<WordOutcome, { at: Date }>;
type Unrecorded = Exclude<WordOutcome, Recorded> | { kind: 'not_the_shops' } | { kind: 'not_stored' };

const keysAgeSeconds = 600;
const noStore = { 'Cache-Control': 'private, no-store' };

/** `GET /api/hand-over/keys`, and `POST /api/hand-over/orders/<orderId>/paid`, `/cancelled`, `/refunded`. */
export function createHandOverApp(deps: {
  readCall: ReadCall;
  keys: readonly HandOverJwk[];
  pool: Pool;
  stock: Pick<Stock, 'reservation'>;
  now: () => number;
  logger: Pick<Logger, 'info'>;
  /** An order has moved: that waits in the outbox. */
  onMoved: () => void;
  /** For the metrics: how each call ended. */
  onCall: (call: HandOverWord, outcome: CallOutcome) => void;
}): Hono {
  const { readCall, keys, pool, stock, now, logger, onMoved, onCall } = deps;
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

  async function take(said: ShopsWord): Promise<Recorded | Unrecorded> {
    const { orderId } = said.data;
    const saleId = saleIdOfOrder(orderId);
    const checkout = saleId === null ? null : await findCheckout(pool, saleId);
    if (checkout === null) return { kind: 'unknown' };
    if (checkout.mode !== 'shop') return { kind: 'not_the_shops' };
    const outcome = await inTransaction(pool, (client) => takeWord(client, said, now()));
    if (outcome.kind === 'recorded') onMoved();
    if (outcome.kind === 'unknown' && (await stock.reservation(orderId)) !== null) return { kind: 'not_stored' };
    return outcome;
  }

  async function answer(context: Context, word: HandOverWord, said: ShopsWord): Promise<Response> {
    const outcome = await take(said);
    onCall(word, outcome.kind);
    const { orderId } = said.data;
    if ('at' in outcome) {
      const reference = said.word === 'cancelled' ? null : said.data.reference;
      const recorded: HandOverAnswer = { orderId, recorded: word, reference, at: outcome.at.toISOString() };
      return context.json(recorded, 200, noStore);
    }
    // The shop signed it: no stranger can fill the log.
    logger.info({ orderId, call: word, outcome: outcome.kind }, 'the shop said what could not be recorded');
    return refusalOf(outcome);
  }

  const bad = (word: HandOverWord, { why, answer }: { why: BadCall; answer: Response }) => {
    onCall(word, why);
    return answer;
  };
  const path = (word: HandOverWord) => `/api/hand-over/orders/:orderId/${word}`;
  app.post(path('paid'), async (context) => {
    const call = await readCall(context, handOverCallSchemas.paid);
    if (call.kind === 'bad') return bad('paid', call);
    return answer(context, 'paid', { word: 'paid', data: call.body.data });
  });
  app.post(path('cancelled'), async (context) => {
    const call = await readCall(context, handOverCallSchemas.cancelled);
    if (call.kind === 'bad') return bad('cancelled', call);
    return answer(context, 'cancelled', { word: 'cancelled', data: call.body.data });
  });
  app.post(path('refunded'), async (context) => {
    const call = await readCall(context, handOverCallSchemas.refunded);
    if (call.kind === 'bad') return bad('refunded', call);
    return answer(context, 'refunded', { word: 'refunded', data: call.body.data });
  });
  return app;
}

function refusalOf(outcome: Unrecorded): Response {
  switch (outcome.kind) {
    case 'too_late':
    case 'wrong_state':
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
