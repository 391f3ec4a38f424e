import { Hono } from 'hono';
import { isJsonType } from '#contract/json-body.ts';
import type { PurchaseAnswer } from '#contract/order.ts';
import { problemResponse } from '#contract/problems.ts';
import { createThrottledWarn, type Logger } from '#runtime/logger.ts';
import type { Purchase, PurchaseOutcome } from './purchase.ts';

const json = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' };

/** `POST /api/sales/<saleId>/orders`. `onAnswer` hears each outcome's name, for the metrics. */
export function createPurchaseApp(deps: {
  purchase: Purchase;
  logger: Logger;
  onAnswer: (outcome: PurchaseOutcome['kind']) => void;
}): Hono {
  const { purchase, logger, onAnswer } = deps;
  const app = new Hono();
  const warn = createThrottledWarn(logger);

  app.post('/api/sales/:saleId/orders', async (context) => {
    const body = await readJson(context.req.raw);
    if (body instanceof Response) return body;
    const saleId = context.req.param('saleId');
    const outcome = await purchase(saleId, context.req.header('seckill-ticket'), body.value);
    onAnswer(outcome.kind);
    return answer(outcome);
  });

  app.notFound(() => problemResponse('NOT_FOUND'));
  app.onError((error) => {
    warn(error, 'a purchase failed');
    return problemResponse('UNAVAILABLE', { retryAfterSeconds: 1 });
  });
  return app;
}

async function readJson(request: Request): Promise<{ value: unknown } | Response> {
  if (!isJsonType(request.headers.get('content-type'))) {
    return problemResponse('UNSUPPORTED_MEDIA_TYPE');
  }
  const text = await request.text();
  if (text.length > 1024) return problemResponse('BODY_TOO_LARGE');
  try {
    return { value: JSON.parse(text) };
  } catch {
    return problemResponse('BAD_REQUEST', { detail: 'The body is not valid JSON. Send {"quantity": 1}.' });
  }
}

function answer(outcome: PurchaseOutcome): Response {
  switch (outcome.kind) {
    case 'accepted':
    case 'replay': {
      const body: PurchaseAnswer = { orderId: outcome.orderId, state: 'queued', place: outcome.place };
      const headers = { ...json, Location: `/api/orders/${outcome.orderId}` };
      return new Response(JSON.stringify(body), { status: 202, headers });
    }
    case 'ticket_missing':
      return problemResponse('TICKET_MISSING');
    case 'ticket_invalid':
      return problemResponse('TICKET_INVALID');
    case 'ticket_expired':
      return problemResponse('TICKET_EXPIRED');
    case 'quantity_missing':
      return problemResponse('BAD_REQUEST', { detail: 'The body needs "quantity", a number: {"quantity": 1}.' });
    case 'quantity_invalid':
      return problemResponse('QUANTITY_INVALID', { detail: 'The quantity must be a whole number of at least 1.' });
    case 'not_enough':
      return problemResponse('QUANTITY_INVALID', {
        detail: `Only ${outcome.free} left: ask for ${outcome.free} or fewer.`,
      });
    case 'limit_reached':
      return problemResponse('LIMIT_REACHED', { detail: `At most ${outcome.limit} per person in this sale.` });
    case 'sale_unknown':
      return problemResponse('SALE_UNKNOWN');
    case 'not_open':
      return problemResponse('NOT_OPEN', {
        retryAfterSeconds: outcome.opensInMs === null ? 5 : Math.min(3600, outcome.opensInMs / 1000),
      });
    case 'paused':
      return problemResponse('PAUSED', { retryAfterSeconds: 2 });
    case 'sold_out':
      return problemResponse('SOLD_OUT', { retryAfterSeconds: 5 });
    case 'closed':
      return problemResponse('SALE_CLOSED');
    case 'unavailable':
      return problemResponse('UNAVAILABLE', { retryAfterSeconds: 1 });
  }
}
