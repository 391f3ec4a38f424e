import { orderViewSchema, purchaseAnswerSchema, purchaseRequestSchema } from '../order.ts';
import { orderDetailsSchema } from '../order-details.ts';
import { orderListSchema, ordersOfPage } from '../order-list.ts';
import { type ApiRoute, passedOn } from './route.ts';

const owners = ['UNAUTHENTICATED', 'FORBIDDEN', 'ORDER_UNKNOWN'] as const;

export const orderRoutes: readonly ApiRoute[] = [
  {
    method: 'POST',
    path: '/api/sales/{saleId}/orders',
    operation: 'buy',
    group: 'Orders',
    summary: 'Buy',
    says: 'Safe to repeat with the same ticket: one ticket makes one order, and the repeated request gets the same answer for as long as the order lives (`getOrder` tells how far it is), `ORDER_STATE` once it has ended. After `UNAVAILABLE` or a lost connection, send it again, and say so in `Seckill-Attempt`: then the edge never gives a final refusal by itself to a shopper who may have an order. Above its limits for repeats it answers `BUSY` or `RATE_LIMITED`, with `Retry-After`: repeat it once more.',
    access: 'ticket',
    body: purchaseRequestSchema,
    headers: [
      { name: 'Seckill-Attempt', says: 'on every repeat of this request with the same ticket: 2, 3 and so on' },
    ],
    answers: {
      202: {
        says: 'accepted: the order will be made',
        schema: purchaseAnswerSchema,
        headers: { Location: 'where to ask for the order' },
      },
    },
    refusals: [
      ...passedOn,
      'QUANTITY_INVALID',
      'TICKET_MISSING',
      'TICKET_INVALID',
      'TICKET_EXPIRED',
      'NOT_OPEN',
      'SALE_UNKNOWN',
      'LIMIT_REACHED',
      'ORDER_STATE',
      'SOLD_OUT',
      'SALE_CLOSED',
      'UNSUPPORTED_MEDIA_TYPE',
      'PAUSED',
      'BUSY',
    ],
  },
  {
    method: 'GET',
    path: '/api/orders',
    operation: 'listOrders',
    group: 'Orders',
    summary: 'The orders of the caller',
    says: `Newest first, ${ordersOfPage} in an answer. Out of the database: an order is here within seconds of its yes, and \`getOrder\` tells of it at once. Its \`state\` is the stored one.`,
    access: 'session',
    query: [{ name: 'before', says: 'the `next` of the answer before: orders that are older' }],
    answers: { 200: { says: 'the orders, and where older ones begin', schema: orderListSchema } },
    refusals: [...passedOn, 'UNAUTHENTICATED', 'BUSY'],
  },
  {
    method: 'GET',
    path: '/api/orders/{orderId}',
    operation: 'getOrder',
    group: 'Orders',
    summary: 'One order of the caller',
    says: 'Answered by stock Redis: however often it is asked, the database is not.',
    access: 'session',
    answers: { 200: { says: 'the order', schema: orderViewSchema } },
    refusals: [...passedOn, ...owners],
  },
  {
    method: 'GET',
    path: '/api/orders/{orderId}/events',
    operation: 'followOrder',
    group: 'Orders',
    summary: 'The same, told as it changes',
    says: 'Server-sent events named `order`; the data of each is the order, its id the `version`. A client that comes back sends `Last-Event-ID`.',
    access: 'session',
    headers: [{ name: 'Last-Event-ID', says: 'the version that was seen last' }],
    answers: {
      200: { says: 'the stream', type: 'text/event-stream', schema: orderViewSchema },
      204: { says: 'the order has ended, and its last version was seen: do not come back' },
    },
    refusals: [...passedOn, ...owners, 'BUSY'],
  },
  {
    method: 'PUT',
    path: '/api/orders/{orderId}/details',
    operation: 'giveDetails',
    group: 'Orders',
    summary: 'Give contact and address for an order',
    says: "Before paying, where the sale asks for them (the order's `collect`): each of those, and no other. May be repeated until the order is paid; the last one counts. A phone number is kept without spaces, an email address or a name in any script; `country` is two letters (ISO 3166-1). `BAD_REQUEST` names every field that is wrong and what to do, `ORDER_STATE` a sale that asks for nothing and an order that awaits no payment. `pay` of such an order is `ORDER_STATE` until they are given.",
    access: 'session',
    body: orderDetailsSchema,
    answers: { 204: { says: 'they are kept, sealed' } },
    refusals: [...passedOn, ...owners, 'ORDER_STATE', 'UNSUPPORTED_MEDIA_TYPE'],
  },
];
