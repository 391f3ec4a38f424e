import { Hono } from 'hono';
import { z } from 'zod';
import { isJsonType } from '#contract/json-body.ts';
import { newOrderId } from '#contract/order.ts';
import { problemResponse } from '#contract/problems.ts';
import type { SaleNode } from '#contract/sale.ts';
import { signTicket, type TicketKey } from '#contract/ticket.ts';
import type { Challenges } from './challenge.ts';
import type { Authenticate } from './session.ts';

const bodySchema = z.object({
  challengeId: z.string().max(256),
  answer: z.union([z.string().max(200), z.number()]).transform(String),
});

/**
 * `GET …/challenge` and `POST …/ticket`. Tickets are issued before the opening (so that the opening second needs none)
 * and while a sale is sold out (a unit that comes back finds buyers ready), not for drafts and closed sales.
 */
export function createTicketApp(deps: {
  findSale: (saleId: string) => SaleNode | undefined;
  challenges: Challenges;
  authenticate: Authenticate;
  ticketKeys: readonly TicketKey[];
  ticketTtlMs: number;
  now: () => number;
}): Hono {
  const { findSale, challenges, authenticate, ticketKeys, ticketTtlMs, now } = deps;
  const app = new Hono();

  const saleFor = (saleId: string): SaleNode | Response => {
    const sale = findSale(saleId);
    if (sale === undefined) return problemResponse('SALE_UNKNOWN');
    if (sale.state === 'draft') return problemResponse('NOT_OPEN', { retryAfterSeconds: 5 });
    if (sale.state === 'closed' || Date.parse(sale.window.closesAt) <= now()) return problemResponse('SALE_CLOSED');
    return sale;
  };

  app.get('/api/sales/:saleId/challenge', (context) => {
    const sale = saleFor(context.req.param('saleId'));
    if (sale instanceof Response) return sale;
    return context.json(challenges.create(sale, now()), 200, { 'Cache-Control': 'no-store' });
  });

  app.post('/api/sales/:saleId/ticket', async (context) => {
    const sale = saleFor(context.req.param('saleId'));
    if (sale instanceof Response) return sale;
    const userId = await authenticate(context.req.raw);
    if (userId === null) return problemResponse('UNAUTHENTICATED');
    if (!isJsonType(context.req.header('content-type'))) {
      return problemResponse('UNSUPPORTED_MEDIA_TYPE');
    }
    const body = bodySchema.safeParse(await context.req.json().catch(() => null));
    if (!body.success) {
      return problemResponse('BAD_REQUEST', { detail: 'The body needs "challengeId" and "answer", both text.' });
    }
    const nowMs = now();
    if (!challenges.accepts(sale, body.data.challengeId, body.data.answer, nowMs)) {
      return problemResponse('WRONG_ANSWER', { detail: 'The answer is wrong or came too late: get a new challenge.' });
    }
    const orderId = newOrderId(sale.saleId, nowMs);
    const expiresAtMs = nowMs + ticketTtlMs;
    const ticket = signTicket({ orderId, userId, expiresAtMs }, ticketKeys);
    return context.json({ ticket, orderId, expiresAt: new Date(expiresAtMs).toISOString() }, 201, {
      'Cache-Control': 'no-store',
    });
  });

  return app;
}
