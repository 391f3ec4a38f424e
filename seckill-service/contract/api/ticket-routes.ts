import { challengeSchema, ticketAnswerSchema, ticketRequestSchema } from '../challenge.ts';
import { sessionAnswerSchema } from '../session.ts';
import { type ApiRoute, passedOn } from './route.ts';

export const ticketRoutes: readonly ApiRoute[] = [
  {
    method: 'POST',
    path: '/api/session',
    operation: 'signIn',
    group: 'Tickets',
    summary: 'The demo sign-in: a new user each time',
    says: "Off in production (`FORBIDDEN`), where the shop's own token is the bearer.",
    access: 'open',
    answers: { 201: { says: 'the user, and the bearer token', schema: sessionAnswerSchema } },
    refusals: [...passedOn, 'FORBIDDEN'],
  },
  {
    method: 'GET',
    path: '/api/sales/{saleId}/challenge',
    operation: 'getChallenge',
    group: 'Tickets',
    summary: 'What has to be answered to get a ticket',
    says: 'Good for this bearer alone. Given before the opening too, so that the opening second needs none; a sale with questions of its own gives them from its lead on.',
    access: 'session',
    answers: { 200: { says: 'the challenge', schema: challengeSchema } },
    refusals: [...passedOn, 'UNAUTHENTICATED', 'SALE_UNKNOWN', 'NOT_OPEN', 'SALE_CLOSED'],
  },
  {
    method: 'POST',
    path: '/api/sales/{saleId}/ticket',
    operation: 'getTicket',
    group: 'Tickets',
    summary: 'A ticket for the right answer',
    says: 'The ticket is bound to the sale and the user, expires, and makes one order: its `orderId`. The same answer again is the same ticket, anew. After 5 wrong answers to a challenge, or 20 of a user in 5 minutes, the answer is `RATE_LIMITED`.',
    access: 'session',
    body: ticketRequestSchema,
    answers: { 201: { says: 'the ticket', schema: ticketAnswerSchema } },
    refusals: [
      ...passedOn,
      'UNAUTHENTICATED',
      'UNSUPPORTED_MEDIA_TYPE',
      'WRONG_ANSWER',
      'SALE_UNKNOWN',
      'NOT_OPEN',
      'SALE_CLOSED',
    ],
  },
];
