import http from 'k6/http';
import { got, missed } from './answers.ts';
import { urlOf, withToken } from './edge.ts';
import { textOf } from './expected.ts';
import { askPatiently } from './patience.ts';
import { plan } from './plan.ts';
import { type Held, orderIn, sessionOf } from './shoppers.ts';
import { type Asked, solve } from './solve.ts';

const challengeUrl = urlOf(`/api/sales/${plan.saleId}/challenge`);
const ticketUrl = urlOf(`/api/sales/${plan.saleId}/ticket`);

/** The way to a ticket, as the page goes it: a challenge, its answer, the ticket. Null: the shopper did not get one. */
export function askForTicket(number: number): Held | null {
  const { userId, token } = sessionOf(number);
  const params = withToken(token);
  const fromMs = Date.now();
  const challenge = askPatiently('challenge', () => http.get(challengeUrl, params));
  if (challenge.outcome !== '200') return missed('challenge', challenge.outcome);
  const asked = JSON.parse(challenge.response.body) as Asked;
  const body = JSON.stringify({ challengeId: asked.challengeId, answer: solve(asked, userId) });
  const given = askPatiently('ticket', () => http.post(ticketUrl, body, params));
  const ticket = textOf(given.response, 'ticket');
  if (given.outcome !== '201' || ticket === undefined) return missed('ticket', given.outcome);
  got(number, ticket, Date.now() - fromMs);
  return { number, ticket, token, orderId: orderIn(ticket) };
}
