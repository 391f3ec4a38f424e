// What bots try, beside honest buyers who must not notice. docs/loadtest.md names each trick and what must come of it.
import exec from 'k6/execution';
import http from 'k6/http';
import { broken, note, tell } from './lib/answers.ts';
import { press, purchase } from './lib/edge.ts';
import { textOf } from './lib/expected.ts';
import { heldBy, shopperCount } from './lib/shoppers.ts';

export { handleSummary, options, setup } from './lib/plan.ts';

/** Tickets 0 to 9 are the bots' own. Of the others, honest buyers have the first half, the crowd of one address the rest. */
const botTickets = 10;
const half = Math.floor((shopperCount - botTickets) / 2);
const replayedTicket = 0;
const sharedTicket = 1;

export function honest(): void {
  note('honest', press(heldBy(botTickets + (exec.scenario.iterationInTest % half)).ticket));
  tell();
}

/** Each of them is refused by the edge, from memory. */
export function forged(): void {
  const { ticket } = heldBy(2);
  const parts = ticket.split('.');
  const index = exec.scenario.iterationInTest;
  const forgeries = [
    `${ticket.slice(0, -6)}${String(index).padStart(6, 'A').slice(-6)}`, // a signature by guessing
    [...parts.slice(0, 4), `Ym90${index}`.slice(0, 8), parts[5]].join('.'), // another user's name
    [...parts.slice(0, 2), '9999999999', ...parts.slice(3)].join('.'), // a longer life
    [parts[0], 'k9', ...parts.slice(2)].join('.'), // a key that nobody has
    'x'.repeat(200),
  ];
  const outcome = note('forged', press(forgeries[index % forgeries.length] ?? ''));
  if (!outcome.startsWith('TICKET_')) broken(`a forged ticket was answered ${outcome}`);
  tell();
}

/** It is the same purchase each time, so the same order. */
export function replayed(): void {
  const { ticket, orderId } = heldBy(replayedTicket);
  const answer = press(ticket);
  const outcome = note('replayed', answer);
  const got = textOf(answer, 'orderId');
  if (outcome === 'ACCEPTED' && got !== orderId) broken(`the ticket of ${orderId} bought ${got} when it was replayed`);
  tell();
}

/** As many addresses as virtual users, and one user: the limit of that user counts, wherever they are. */
export function shared(): void {
  note('shared', press(heldBy(sharedTicket).ticket));
  tell();
}

/** One virtual user has one address: another user's ticket with each request, ten at a time. */
export function oneAddress(): void {
  const first = exec.scenario.iterationInTest * 10;
  const requests = Array.from({ length: 10 }, (_, index) =>
    purchase(heldBy(botTickets + half + ((first + index) % half)).ticket),
  );
  for (const answer of http.batch(requests)) note('one address', answer);
  tell();
}
