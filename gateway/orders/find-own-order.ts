import { saleIdOfOrder } from '#contract/order.ts';
import { type Answer, refusal } from '#http/answer.ts';
import type { Authenticate } from '#http/authenticate.ts';
import type { Asking } from '#http/bearer.ts';
import type { OrderRecord, ReadOrder } from './read-orders.ts';

/** The order a request asks for, when it is the asker's own; else the refusal. */
export type FindOwnOrder = (request: Asking, orderId: string) => Promise<FoundOrder>;
export type FoundOrder = { kind: 'own'; record: OrderRecord } | { kind: 'refused'; answer: Answer };

const unknown: FoundOrder = { kind: 'refused', answer: refusal('ORDER_UNKNOWN') };
const foreign: FoundOrder = { kind: 'refused', answer: refusal('FORBIDDEN') };

export function createFindOwnOrder(deps: { readOrder: ReadOrder; authenticate: Authenticate }): FindOwnOrder {
  const { readOrder, authenticate } = deps;
  return async (request, orderId) => {
    const bearer = await authenticate(request);
    if (bearer.kind === 'unknown')
      return { kind: 'refused', answer: refusal('UNAUTHENTICATED', { detail: bearer.detail }) };
    const record = saleIdOfOrder(orderId) === null ? null : await readOrder(orderId);
    if (record === null) return unknown;
    return record.reservation.userId === bearer.userId ? { kind: 'own', record } : foreign;
  };
}
