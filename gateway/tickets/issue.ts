import { Hono } from 'hono';
import { type TicketAnswer, ticketRequestSchema } from '#contract/challenge.ts';
import { isJsonType } from '#contract/json-body.ts';
import { problemResponse } from '#contract/problems.ts';
import type { SaleNode } from '#contract/sale.ts';
import { signTicket, type TicketKey } from '#contract/ticket.ts';
import type { Authenticate } from '#http/authenticate.ts';
import { readJsonBody } from '#http/read-json-body.ts';
import type { Challenges, Verdict } from './challenge.ts';
import { createWrongAnswers, type TooMany } from './wrong-answers.ts';

const whyNot: Record<Exclude<Verdict['kind'], 'right'>, string> = {
  wrong: 'The answer is not right: try again, or get a new challenge.',
  foreign: 'The challenge was not given to you for this sale: get one of your own.',
  expired: 'The challenge has expired: get a new one.',
};
const tooManyWords: Record<TooMany['of'], string> = {
  challenge: 'There were too many wrong answers to this challenge: get a new one.',
  user: 'There were too many wrong answers: wait, then get a new challenge.',
};

/**
 * `GET …/challenge` and `POST …/ticket`, both for the bearer alone. Tickets are issued before the opening (so that the opening second needs none;
 * not before the sale's lead, though, so that nobody collects its questions) and while a sale is sold out (a unit that
 * comes back finds buyers ready), not for drafts and closed sales. The same answer again is the same ticket, anew.
 */
export function createTicketApp(deps: {
  findSale: (saleId: string) => SaleNode | null;
  /** False until every sale was read once: who is not found may be on sale all the same. */
  knowsAll: () => boolean;
  challenges: Challenges;
  authenticate: Authenticate;
  ticketKeys: () => readonly TicketKey[];
  ticketTtlMs: number;
  now: () => number;
}): Hono {
  const { findSale, knowsAll, challenges, authenticate, ticketKeys, ticketTtlMs, now } = deps;
  const wrongAnswers = createWrongAnswers();
  const app = new Hono();

  const saleFor = (saleId: string): SaleNode | Response => {
    const sale = findSale(saleId);
    if (sale === null && !knowsAll()) return problemResponse('UNAVAILABLE', { retryAfterSeconds: 1 });
    if (sale === null) return problemResponse('SALE_UNKNOWN');
    if (sale.state === 'draft') return problemResponse('NOT_OPEN', { retryAfterSeconds: 5 });
    if (sale.state === 'closed' || Date.parse(sale.window.closesAt) <= now()) return problemResponse('SALE_CLOSED');
    return sale;
  };

  app.get('/api/sales/:saleId/challenge', async (context) => {
    const sale = saleFor(context.req.param('saleId'));
    if (sale instanceof Response) return sale;
    const nowMs = now();
    const waitMs = Date.parse(sale.window.opensAt) - (sale.challengeLeadSeconds ?? Infinity) * 1000 - nowMs;
    if (waitMs > 0) {
      const from = new Date(nowMs + waitMs).toISOString();
      const options = {
        detail: `The challenge of this sale is given from ${from} on.`,
        retryAfterSeconds: waitMs / 1000,
      };
      return problemResponse('NOT_OPEN', options);
    }
    const bearer = await authenticate(context.req.raw);
    if (bearer.kind === 'unknown') return problemResponse('UNAUTHENTICATED', { detail: bearer.detail });
    return context.json(challenges.create(sale, bearer.userId, nowMs), 200, { 'Cache-Control': 'no-store' });
  });

  app.post('/api/sales/:saleId/ticket', async (context) => {
    const sale = saleFor(context.req.param('saleId'));
    if (sale instanceof Response) return sale;
    const bearer = await authenticate(context.req.raw);
    if (bearer.kind === 'unknown') return problemResponse('UNAUTHENTICATED', { detail: bearer.detail });
    const { userId } = bearer;
    if (!isJsonType(context.req.header('content-type'))) {
      return problemResponse('UNSUPPORTED_MEDIA_TYPE');
    }
    const body = ticketRequestSchema.safeParse(await readJsonBody(context.req.raw));
    if (!body.success) {
      return problemResponse('BAD_REQUEST', {
        detail: 'The body needs "challengeId" and "answer", both text, as JSON in UTF-8.',
      });
    }
    const nowMs = now();
    const { challengeId, answer } = body.data;
    const tooMany = wrongAnswers.tooMany(userId, challengeId, nowMs);
    if (tooMany !== null) {
      const options = { detail: tooManyWords[tooMany.of], retryAfterSeconds: tooMany.waitMs / 1000 };
      return problemResponse('RATE_LIMITED', options);
    }
    const verdict = challenges.judge(sale, challengeId, answer, userId, nowMs);
    if (verdict.kind === 'wrong') wrongAnswers.count(userId, challengeId, nowMs);
    if (verdict.kind !== 'right') return problemResponse('WRONG_ANSWER', { detail: whyNot[verdict.kind] });
    const { orderId } = verdict;
    const expiresAtMs = nowMs + ticketTtlMs;
    const ticket = signTicket({ orderId, userId, expiresAtMs }, ticketKeys());
    const answered: TicketAnswer = { ticket, orderId, expiresAt: new Date(expiresAtMs).toISOString() };
    return context.json(answered, 201, { 'Cache-Control': 'no-store' });
  });

  return app;
}
