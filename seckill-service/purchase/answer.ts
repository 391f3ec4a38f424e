import type { OrderState } from '#contract/order.ts';
import { type Answer, refusal } from '#http/answer.ts';
import type { PurchaseOutcome } from './purchase.ts';

const ticketMissing = refusal('TICKET_MISSING');
const ticketInvalid = refusal('TICKET_INVALID');
const ticketExpired = refusal('TICKET_EXPIRED');
const quantityMissing = refusal('BAD_REQUEST', { detail: 'The body needs "quantity", a number: {"quantity": 1}.' });
const quantityInvalid = refusal('QUANTITY_INVALID', { detail: 'The quantity must be a whole number of at least 1.' });
const saleUnknown = refusal('SALE_UNKNOWN');
const paused = refusal('PAUSED', { retryAfterSeconds: 2 });
const soldOut = refusal('SOLD_OUT', { retryAfterSeconds: 5 });
const closed = refusal('SALE_CLOSED');
export const unavailable = refusal('UNAVAILABLE', { retryAfterSeconds: 1 });

/** What became of an order that has ended; `withdrawn`: its units went back, and the reason is not known yet. */
const ends: Partial<Record<OrderState | 'withdrawn', string>> = {
  expired: 'is expired: its time to pay is over',
  cancelled: 'is cancelled',
  refunded: 'is refunded: its money is back',
  failed: 'is failed: it could not be made',
  withdrawn: 'has ended',
};

/** What a purchase's outcome looks like to the shopper. Everything that can be is made once. */
export function answerOf(outcome: PurchaseOutcome): Answer {
  switch (outcome.kind) {
    case 'accepted':
    case 'replay':
      return yes(outcome.orderId, outcome.place);
    case 'ended':
      return ended(outcome.orderId, outcome.state);
    case 'ticket_missing':
      return ticketMissing;
    case 'ticket_invalid':
      return ticketInvalid;
    case 'ticket_expired':
      return ticketExpired;
    case 'quantity_missing':
      return quantityMissing;
    case 'quantity_invalid':
      return quantityInvalid;
    case 'not_enough':
      return refusal('QUANTITY_INVALID', { detail: `Only ${outcome.free} left: ask for ${outcome.free} or fewer.` });
    case 'limit_reached':
      return refusal('LIMIT_REACHED', { detail: `At most ${outcome.limit} per person in this sale.` });
    case 'sale_unknown':
      return saleUnknown;
    case 'not_open': {
      const { opensInMs } = outcome;
      return refusal('NOT_OPEN', { retryAfterSeconds: opensInMs === null ? 5 : Math.min(3600, opensInMs / 1000) });
    }
    case 'paused':
      return paused;
    case 'sold_out':
      return soldOut;
    case 'closed':
      return closed;
    case 'unavailable':
      return unavailable;
  }
}

/** A PurchaseAnswer. Written as text: an order's id has no letter that JSON would escape (contract/order.ts). */
function yes(orderId: string, place: number): Answer {
  const body = `{"orderId":"${orderId}","state":"queued","place":${place}}`;
  const headers = ['Content-Type', 'application/json', 'Cache-Control', 'no-store'];
  headers.push('Location', `/api/orders/${orderId}`, 'Content-Length', String(body.length));
  return { status: 202, headers, body };
}

/** The repeat of a purchase whose order has ended: neither a yes, nor the no of a shopper without an order. */
function ended(orderId: string, state: OrderState | null): Answer {
  const end = ends[state ?? 'withdrawn'] ?? ends.withdrawn;
  const answer = refusal('ORDER_STATE', { detail: `The order of this ticket ${end}. Get a new ticket to buy again.` });
  answer.headers.push('Location', `/api/orders/${orderId}`);
  return answer;
}
