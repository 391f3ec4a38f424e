import { type ApiRoute, everywhere } from './route.ts';

const page = {
  answers: { 200: { says: 'the page', type: 'text/html' }, 304: { says: 'as the caller has it' } },
} as const;
const common = { method: 'GET', group: 'Pages', access: 'open', ...page } as const;
const refusals = [...everywhere, 'NOT_FOUND'] as const;

export const pageRoutes: readonly ApiRoute[] = [
  {
    ...common,
    path: '/',
    operation: 'showSales',
    summary: 'The page of all sales',
    says: 'A static file, as `seckill pages publish` wrote it; `NOT_FOUND` before the first time. Where a page is missing, a person gets a page that says so, and a program that asks for JSON gets the problem.',
    refusals,
  },
  {
    ...common,
    path: '/sales/{saleId}',
    operation: 'showSale',
    summary: 'The page of a sale',
    says: 'A static file; `NOT_FOUND` for a sale whose page was not published. Capitals and a slash at the end are redirected (308).',
    refusals,
  },
  {
    ...common,
    path: '/sales/{saleId}.ics',
    operation: 'downloadOpening',
    summary: 'The opening of a sale for a calendar',
    says: 'iCalendar (RFC 5545), with an alarm ten minutes before; `NOT_FOUND` for a sale that was open when the pages were published.',
    answers: { 200: { says: 'the file', type: 'text/calendar' }, 304: { says: 'as the caller has it' } },
    refusals,
  },
  {
    ...common,
    path: '/orders',
    operation: 'showOrders',
    summary: 'The page of the orders of a shopper',
    says: 'One static file for all shoppers: its script asks for the orders of the one who is signed in.',
    refusals,
  },
  {
    ...common,
    path: '/orders/{orderId}',
    operation: 'showOrder',
    summary: 'The page of an order',
    says: 'One static file for all orders: its script asks for the order that the address names.',
    refusals,
  },
  {
    ...common,
    path: '/embed.js',
    operation: 'loadElement',
    summary: 'The custom element `<seckill-sale>`',
    says: 'For the pages of other origins that the edge allows to embed, which may read the public sales too; `NOT_FOUND` where it allows none.',
    answers: { 200: { says: 'the script', type: 'text/javascript' }, 304: { says: 'as the caller has it' } },
    refusals,
  },
];
