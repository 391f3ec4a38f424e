import type { OrderView } from '#contract/order.ts';

/** Whether the order may be paid now: what the sale asks of its shopper comes first. */
export const mayPay = ({ collect, hasDetails }: Pick<OrderView, 'collect' | 'hasDetails'>): boolean =>
  collect.length === 0 || hasDetails;
