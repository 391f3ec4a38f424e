import type { OrderView } from '#contract/order.ts';
import type { Words } from './words/words.ts';

/** How far an order is on its way: in the queue, ready, paid. */
export const stepOf: Partial<Record<OrderView['state'], number>> = {
  queued: 1,
  awaiting_payment: 2,
  paid: 3,
  refunding: 3,
  refunded: 3,
};

export type OrderAction = 'pay' | 'cancel' | 'refund';
export const actionsOf: Partial<Record<OrderView['state'], readonly OrderAction[]>> = {
  awaiting_payment: ['pay', 'cancel'],
  paid: ['refund'],
};

/** Place in the line and time until the order is made; nothing about time when nobody can say. */
export function lineText(words: Words, { state, ahead, etaSeconds }: OrderView): string {
  if (state !== 'queued') return '';
  const line = words.order.ahead(ahead);
  return etaSeconds === null || etaSeconds < 3 ? line : `${line} ${words.order.waits(etaSeconds)}`;
}
