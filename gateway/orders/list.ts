import { Hono } from 'hono';
import { parseCursor } from '#contract/order-list.ts';
import { jsonAnswer, refusal, responseOf } from '#http/answer.ts';
import type { Authenticate } from '#http/authenticate.ts';
import type { FewAtOnce } from './few-at-once.ts';
import type { ListOrders } from './list-orders.ts';

const noCursor = 'Leave `before` out, or send the `next` of an answer of this route.';

/** `GET /api/orders?before=<cursor>`: the bearer's stored orders. Who comes while too many ask PostgreSQL hears BUSY. */
export function createOrderListApp(deps: {
  authenticate: Authenticate;
  listOrders: ListOrders;
  fewAtOnce: FewAtOnce;
}): Hono {
  const { authenticate, listOrders, fewAtOnce } = deps;
  return new Hono().get('/api/orders', async (context) => {
    const bearer = await authenticate(context.req.raw);
    if (bearer.kind === 'unknown') return responseOf(refusal('UNAUTHENTICATED', { detail: bearer.detail }));
    const cursor = context.req.query('before');
    const before = cursor === undefined ? null : parseCursor(cursor);
    if (cursor !== undefined && before === null) return responseOf(refusal('BAD_REQUEST', { detail: noCursor }));
    const outcome = await fewAtOnce(() => listOrders(bearer.userId, before));
    if (outcome.kind === 'busy') return responseOf(refusal('BUSY', { retryAfterSeconds: 2 }));
    return responseOf(jsonAnswer(200, 'private, no-store', JSON.stringify(outcome.value)));
  });
}
