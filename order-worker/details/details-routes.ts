import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { isJsonType } from '#contract/json-body.ts';
import { saleIdOfOrder } from '#contract/order.ts';
import { judgeDetails, longestDetailsBody } from '#contract/order-details.ts';
import { problemResponse } from '#contract/problems.ts';
import { readJsonBody } from '#http/read-json-body.ts';
import type { Logger } from '#runtime/logger.ts';
import type { OrderRow } from '../orders/find-order.ts';
import { adviceOf, type FindOwnOrder } from '../orders/find-own-order.ts';
import type { DetailsStore } from './details-store.ts';

/** After payment the shop works by what it was given. */
const advice: typeof adviceOf = { ...adviceOf, paid: 'it is paid: ask the shop to change contact or address' };
const notNow = ({ state }: OrderRow) =>
  problemResponse('ORDER_STATE', { detail: state === 'awaiting_payment' ? advice.expired : advice[state] });

/**
 * `PUT /api/orders/<orderId>/details`: contact and address for an order that awaits payment, by its owner alone; again, as
 * often as one likes, until it is paid. Nothing of the body is in a log line or an answer.
 */
export function createDetailsApp(deps: {
  findOwnOrder: FindOwnOrder;
  store: Pick<DetailsStore, 'canSeal' | 'collecting' | 'give'>;
  logger: Pick<Logger, 'error'>;
  /** The order's picture waits in the outbox. */
  onGiven: () => void;
}): Hono {
  const { findOwnOrder, store, logger, onGiven } = deps;
  const app = new Hono();

  app.put(
    '/api/orders/:orderId/details',
    bodyLimit({ maxSize: longestDetailsBody, onError: () => problemResponse('BODY_TOO_LARGE') }),
    async (context) => {
      const request = context.req.raw;
      const order = await findOwnOrder(request, context.req.param('orderId'));
      if (order instanceof Response) return order;
      if (!isJsonType(request.headers.get('content-type'))) return problemResponse('UNSUPPORTED_MEDIA_TYPE');
      if (order.state !== 'awaiting_payment' || order.isOverdue) return notNow(order);
      const collecting = await store.collecting(saleIdOfOrder(order.orderId) ?? '');
      if (collecting === null || collecting.collect.length === 0)
        return problemResponse('ORDER_STATE', { detail: 'its sale asks for no contact or address: leave this out' });
      const verdict = judgeDetails(collecting.collect, await readJsonBody(request));
      if (verdict.kind === 'refused') return problemResponse('BAD_REQUEST', { detail: verdict.detail });
      if (!store.canSeal) {
        logger.error({ orderId: order.orderId }, 'contact and address cannot be sealed: set SECKILL_PERSONAL_KEYS');
        return problemResponse('UNAVAILABLE', { retryAfterSeconds: 60 });
      }
      const outcome = await store.give(order.orderId, verdict.details, collecting.keepDays);
      switch (outcome.kind) {
        case 'given':
          if (outcome.isNew) onGiven();
          return context.body(null, 204, { 'Cache-Control': 'private, no-store' });
        case 'not_now':
          return notNow(outcome.order);
        case 'unknown':
          return problemResponse('ORDER_UNKNOWN');
      }
    },
  );

  return app;
}
