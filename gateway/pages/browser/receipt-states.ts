import type { OrderState } from '#contract/order.ts';

/** States of an order whose money was taken: it has a receipt, which also says when the money goes back. */
export const receiptStates = ['paid', 'refunding', 'refunded'] as const satisfies readonly OrderState[];
export type ReceiptState = (typeof receiptStates)[number];

export const hasReceipt = (state: OrderState): boolean => (receiptStates as readonly OrderState[]).includes(state);
