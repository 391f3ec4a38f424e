import { saleIdOfOrder } from '#contract/order.ts';
import { problemResponse } from '#contract/problems.ts';
import type { Authenticate } from '#http/authenticate.ts';
import type { FindOrder, OrderRow } from './find-order.ts';

/** The order of a request, when it is the bearer's and stored; else the refusal. */
export type FindOwnOrder = (request: Request, orderId: string) => Promise<OrderRow | Response>;

export function createFindOwnOrder(deps: { authenticate: Authenticate; findOrder: FindOrder }): FindOwnOrder {
  const { authenticate, findOrder } = deps;
  return async (request, orderId) => {
    const bearer = await authenticate(request);
    if (bearer.kind === 'unknown') return problemResponse('UNAUTHENTICATED', { detail: bearer.detail });
    if (saleIdOfOrder(orderId) === null) return problemResponse('ORDER_UNKNOWN');
    const found = await findOrder(orderId, bearer.userId);
    switch (found.kind) {
      case 'found':
        return found.order;
      case 'unknown':
        return problemResponse('ORDER_UNKNOWN');
      case 'not_yours':
        return problemResponse('FORBIDDEN');
      case 'queued':
        return problemResponse('ORDER_STATE', { detail: 'it is queued: wait until it is made', retryAfterSeconds: 1 });
    }
  };
}

/** What to do with an order in this state, when what was asked for cannot be done. */
export const adviceOf: Record<OrderRow['state'], string> = {
  awaiting_payment: 'it awaits payment: pay it, or cancel it',
  paid: 'it is paid: ask for a refund instead',
  expired: 'its time to pay is over',
  cancelled: 'it was cancelled',
  refunding: 'its money is on its way back',
  refunded: 'its money is back',
  failed: 'it could not be made',
};
