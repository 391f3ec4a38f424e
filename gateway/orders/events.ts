import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import { endedOrderStates } from '#contract/order.ts';
import { problemResponse } from '#contract/problems.ts';
import { responseOf } from '#http/answer.ts';
import type { FindOwnOrder } from './find-own-order.ts';
import type { OrderStreams } from './order-streams.ts';
import type { StreamMetrics } from './stream-metrics.ts';

/**
 * `GET /api/orders/<orderId>/events`, owner only: the order's view now, and again whenever it changes, as server-sent
 * events. `Last-Event-ID` is the version that the client has seen. 204 says that the order has ended and that there is
 * nothing to come back for (HTML Standard, 9.2.3).
 */
export function createOrderEventsApp(deps: {
  findOwnOrder: FindOwnOrder;
  streams: OrderStreams;
  metrics: Pick<StreamMetrics, 'refused'>;
}): Hono {
  const { findOwnOrder, streams, metrics } = deps;
  const app = new Hono<{ Bindings: HttpBindings }>();

  app.get('/api/orders/:orderId/events', async (context) => {
    const found = await findOwnOrder(context.req.raw, context.req.param('orderId'));
    if (found.kind === 'refused') return responseOf(found.answer);
    const { record } = found;
    const seen = context.req.header('last-event-id');
    const seenVersion = seen !== undefined && /^\d{1,9}$/.test(seen) ? Number(seen) : null;
    const { shown, reservation } = record;
    if (shown !== null && endedOrderStates.has(shown.state) && seenVersion === shown.version) {
      return new Response(null, { status: 204 });
    }
    const room = streams.room(reservation.userId);
    if (room !== 'open') {
      metrics.refused.inc({ reason: room });
      return refusal(room);
    }
    if (context.req.method === 'HEAD') return new Response(null, { headers: { 'Content-Type': 'text/event-stream' } });
    streams.open(record, context.env.outgoing, seenVersion);
    return RESPONSE_ALREADY_SENT;
  });

  // Put together with apps that know nothing of Node's own response.
  return app as unknown as Hono;
}

function refusal(room: 'too_many_of_user' | 'full' | 'closing'): Response {
  if (room === 'too_many_of_user') {
    const detail = 'You have as many event streams open as one person may: close a page, or ask for the order itself.';
    return problemResponse('RATE_LIMITED', { detail, retryAfterSeconds: 10 });
  }
  const detail = 'No more event streams here right now: ask for the order itself every few seconds.';
  return problemResponse('BUSY', { detail, retryAfterSeconds: room === 'full' ? 10 : 1 });
}
