import { Hono } from 'hono';
import type { FindOwnOrder } from './find-own-order.ts';
import { isQueued, orderView } from './order-view.ts';
import type { SaleProgressReader } from './sale-progress.ts';

/**
 * `GET /api/orders/<orderId>`, owner only. Stock Redis answers: the reservation while the order waits, the picture of
 * its row after that. No poll asks PostgreSQL.
 */
export function createOrderApp(deps: {
  findOwnOrder: FindOwnOrder;
  progress: SaleProgressReader;
  now: () => number;
}): Hono {
  const { findOwnOrder, progress, now } = deps;
  return new Hono().get('/api/orders/:orderId', async (context) => {
    const record = await findOwnOrder(context.req.raw, context.req.param('orderId'));
    if (record instanceof Response) return record;
    const view = orderView(record, isQueued(record) ? await progress.get(record.saleId) : null, now());
    return context.json(view, 200, { 'Cache-Control': 'private, no-store' });
  });
}
