// Every route, in the order in which a shopper meets them, and what each must refuse. Any other answer fails the run.
import { sleep } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';
import { broken, tell } from './lib/answers.ts';
import { press, urlOf, withToken } from './lib/edge.ts';
import { expected, textOf } from './lib/expected.ts';
import { plan } from './lib/plan.ts';

export { handleSummary, options, setup } from './lib/plan.ts';

const text = { responseType: 'text', timeout: '10s' } as const;
const sale = `/api/sales/${plan.saleId}`;
const maxLooks = 30;

/** One shopper, from the first page to the end of the order: every second one cancels, the others pay and want it back. */
export function walk(): void {
  look();
  const { token, ticket } = prepare();
  if (ticket !== '') order(token, ticket);
  tell();
}

function look(): void {
  for (const path of plan.visit)
    expected(path.startsWith('/assets/') ? 'asset' : 'page', http.get(urlOf(path), text), '200');
  const list = textOf(expected('list', http.get(urlOf('/api/sales'), text), '200'), 'sales');
  if (list === undefined) broken('GET /api/sales does not list sales');
  expected('sale', http.get(urlOf(sale), text), '200');
  expected('unknown sale', http.get(urlOf('/api/sales/no-such-sale'), text), 'SALE_UNKNOWN');
  // A page for a person, as for every path outside /api: no code.
  expected('inner page', http.get(urlOf('/metrics'), text), 'HTTP_404');
  expected('wrong method', http.get(urlOf(`${sale}/orders`), text), 'METHOD_NOT_ALLOWED');
}

/** Signs in, solves the sum, gets the ticket. */
function prepare(): { token: string; ticket: string } {
  const session = expected('session', http.post(urlOf('/api/session'), null, text), '201');
  const token = textOf(session, 'token') ?? '';
  expected('unasked challenge', http.get(urlOf(`${sale}/challenge`), text), 'UNAUTHENTICATED');
  const challenge = expected('challenge', http.get(urlOf(`${sale}/challenge`), withToken(token)), '200');
  const [, a, b] = /(\d+) \+ (\d+)/.exec(textOf(challenge, 'question') ?? '') ?? [];
  const answer = JSON.stringify({
    challengeId: textOf(challenge, 'challengeId'),
    answer: String(Number(a) + Number(b)),
  });
  expected('unasked answer', http.post(urlOf(`${sale}/ticket`), answer, withToken('nobody')), 'UNAUTHENTICATED');
  const ticket = expected('ticket', http.post(urlOf(`${sale}/ticket`), answer, withToken(token)), '201');
  return { token, ticket: textOf(ticket, 'ticket') ?? '' };
}

function order(token: string, ticket: string): void {
  expected('no ticket', press(''), 'TICKET_MISSING');
  expected('forged ticket', press(`${ticket.slice(0, -4)}AAAA`), 'TICKET_INVALID');
  const bought = textOf(expected('buy', press(ticket), 'ACCEPTED'), 'orderId');
  if (bought === undefined) return;
  const again = textOf(expected('buy again', press(ticket), 'ACCEPTED'), 'orderId');
  if (again !== bought) broken(`one ticket, two orders: ${bought} and ${again}`);
  const path = `/api/orders/${bought}`;
  expected('stranger', http.get(urlOf(path), withToken('nobody')), 'UNAUTHENTICATED');
  expected('order page', http.get(urlOf(`/orders/${bought}`), text), '200');
  if (!reaches(path, token, 'awaiting_payment')) return;
  if (!plan.pays || exec.scenario.iterationInTest % 2 === 0) {
    expected('cancel', http.post(urlOf(`${path}/cancel`), '{}', withToken(token)), '200');
    reaches(path, token, 'cancelled');
  } else {
    expected('payment', http.post(urlOf(`${path}/payment`), '{}', withToken(token)), '201');
    if (!reaches(path, token, 'paid')) return;
    expected('refund', http.post(urlOf(`${path}/refund`), '{}', withToken(token)), 'ACCEPTED');
    reaches(path, token, 'refunded');
  }
  // The order has ended: the stream tells so and ends itself.
  const events = expected('events', http.get(urlOf(`${path}/events`), withToken(token)), '200');
  if (!String(events.body).includes('event: order')) broken('the stream of an order that has ended says nothing of it');
  expected('webhook', http.post(urlOf('/api/payments/webhook'), '{}', withToken('nobody')), 'BAD_REQUEST');
}

/** Asks for the order as the page does until it is in that state. */
function reaches(path: string, token: string, state: string): boolean {
  let last = '';
  for (let count = 0; count < maxLooks; count += 1) {
    last = textOf(expected('order', http.get(urlOf(path), withToken(token)), '200'), 'state') ?? '';
    if (last === state) return true;
    sleep(0.5);
  }
  broken(`an order was ${last} after ${maxLooks / 2} s, not ${state}`);
  return false;
}
