import type { OrderState } from '#contract/order.ts';
import type { ProblemCode } from '#contract/problems.ts';
import type { SaleState } from '#contract/sale.ts';

export const saleLabels: Record<SaleState, string> = {
  draft: 'Coming soon',
  upcoming: 'Not open yet',
  open: 'Open now',
  sold_out: 'Sold out',
  paused: 'Paused',
  closed: 'Sale over',
};

/** One sentence of what a state means for a shopper whose page is alive. */
export const saleAdvice: Record<SaleState, string> = {
  draft: 'This sale is being prepared.',
  upcoming: 'Stay here: the button comes alive by itself the moment the sale opens.',
  open: 'First come, first served. One press is enough.',
  sold_out: 'Every unit is spoken for. If one comes back, this page tells you at once.',
  paused: 'The shop has paused the sale for a moment. It goes on here by itself.',
  closed: 'This sale is over. Thank you for coming.',
};

export const orderLabels: Record<OrderState, string> = {
  queued: 'You are in',
  awaiting_payment: 'Your order is ready',
  paid: 'Paid. Thank you!',
  expired: 'This order has expired',
  cancelled: 'This order was cancelled',
  refunding: 'Your money is on its way back',
  refunded: 'Your money is back',
  failed: 'This order could not be made',
};

export const orderAdvice: Record<OrderState, string> = {
  queued: 'Your unit is set aside for you. We are writing your order; there is nothing more to press.',
  awaiting_payment: 'Your unit is yours. Paying is not part of this version yet: an order goes as far as this.',
  paid: 'We have your payment.',
  expired: 'It was not paid in time, so the unit went back on sale.',
  cancelled: 'The unit went back on sale.',
  refunding: 'The refund has been started.',
  refunded: 'The refund has gone through.',
  failed: 'Nothing was taken from you. The unit went back on sale.',
};

export const problemSentences: Record<ProblemCode, string> = {
  BAD_REQUEST: 'Something went wrong on this page. Please reload it.',
  QUANTITY_INVALID: 'That many cannot be bought right now. Please choose fewer.',
  WRONG_ANSWER: 'Not quite. Here is a new question.',
  TICKET_MISSING: 'Please answer the question first.',
  TICKET_INVALID: 'Your place at the door is not valid any more. Please answer again.',
  TICKET_EXPIRED: 'Your answer was too long ago. Please answer once more.',
  UNAUTHENTICATED: 'Please sign in to the shop first.',
  NOT_OPEN: 'The sale is not open yet. A moment more.',
  FORBIDDEN: 'This order belongs to someone else.',
  SALE_UNKNOWN: 'There is no such sale.',
  ORDER_UNKNOWN: 'There is no such order, or it is not yours.',
  NOT_FOUND: 'There is nothing here.',
  METHOD_NOT_ALLOWED: 'Something went wrong on this page. Please reload it.',
  LIMIT_REACHED: 'You already have as many as one person may buy.',
  ORDER_STATE: 'This order has moved on. Please reload the page.',
  SOLD_OUT: 'Sold out, sorry. If a unit comes back, the button does too.',
  SALE_CLOSED: 'The sale is over.',
  BODY_TOO_LARGE: 'Something went wrong on this page. Please reload it.',
  UNSUPPORTED_MEDIA_TYPE: 'Something went wrong on this page. Please reload it.',
  RATE_LIMITED: 'That was a little fast. Please wait a moment.',
  PAUSED: 'The sale is paused for a moment. Your answer is kept.',
  BUSY: 'Very busy right now. Please try again in a moment.',
  UNAVAILABLE: 'We cannot reach the shop right now. Please try again in a moment.',
};
