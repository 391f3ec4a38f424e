import { Hono } from 'hono';
import { type Answer, jsonAnswer, responseOf } from '#http/answer.ts';
import type { BareRoute } from '#http/bare-routes.ts';
import type { Asking } from '#http/bearer.ts';
import type { FindOwnOrder } from './find-own-order.ts';
import { type FindTerms, isQueued, orderView } from './order-view.ts';
import type { SaleProgressReader } from './sale-progress.ts';

const path = '/api/orders/:orderId';
/** As every page spells it. What is spelled otherwise goes to the app. */
const target = /^\/api\/orders\/([a-z0-9-]+)$/;

/**
 * `GET /api/orders/<orderId>`, owner only. Stock Redis answers: the reservation while the order waits, the picture of
 * its row after that. No poll asks PostgreSQL. Pages that wait ask for it again and again, so it is a bare route, too.
 */
export function createOrderStatus(deps: {
  findOwnOrder: FindOwnOrder;
  progress: SaleProgressReader;
  findTerms: FindTerms;
  now: () => number;
}): { app: Hono; route: BareRoute } {
  const { findOwnOrder, progress, findTerms, now } = deps;

  async function answer(request: Asking, orderId: string): Promise<Answer> {
    const found = await findOwnOrder(request, orderId);
    if (found.kind === 'refused') return found.answer;
    const { record } = found;
    const line = isQueued(record) ? await progress.get(record.saleId) : null;
    const view = orderView(record, line, findTerms(record.saleId), now());
    return jsonAnswer(200, 'private, no-store', JSON.stringify(view));
  }

  return {
    app: new Hono().get(path, async (context) =>
      responseOf(await answer(context.req.raw, context.req.param('orderId'))),
    ),
    route: { method: 'GET', path, find: (url) => target.exec(url)?.[1] ?? null, answer },
  };
}
