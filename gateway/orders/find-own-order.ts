import { saleIdOfOrder } from '#contract/order.ts';
import { problemResponse } from '#contract/problems.ts';
import type { Authenticate } from '#http/authenticate.ts';
import type { OrderRecord, ReadOrder } from './read-orders.ts';

/** The order a request asks for, when it is the asker's own; else the refusal. */
export type FindOwnOrder = (request: Request, orderId: string) => Promise<OrderRecord | Response>;

export function createFindOwnOrder(deps: { readOrder: ReadOrder; authenticate: Authenticate }): FindOwnOrder {
  const { readOrder, authenticate } = deps;
  return async (request, orderId) => {
    const bearer = await authenticate(request);
    if (bearer.kind === 'unknown') return problemResponse('UNAUTHENTICATED', { detail: bearer.detail });
    const record = saleIdOfOrder(orderId) === null ? null : await readOrder(orderId);
    if (record === null) return problemResponse('ORDER_UNKNOWN');
    return record.reservation.userId === bearer.userId ? record : problemResponse('FORBIDDEN');
  };
}
