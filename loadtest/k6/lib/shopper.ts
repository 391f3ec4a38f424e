import { sleep } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';
import { emptyHanded, note, tell } from './answers.ts';
import { press, purchase, urlOf, withToken } from './edge.ts';
import { nextHeld } from './hand-over.ts';
import { plan } from './plan.ts';
import { type Held, heldBy, shopperCount } from './shoppers.ts';
import { askForTicket } from './ticket-office.ts';

const visit = plan.visit.map((path) => ({
  route: path.startsWith('/assets/') ? 'asset' : path.startsWith('/api/') ? 'sale' : 'page',
  request: {
    method: 'GET',
    url: urlOf(path),
    params: { timeout: '10s', headers: { 'Accept-Encoding': 'br, gzip' } },
  } as const,
}));

/** Opens the page: what a browser asks for at once. */
export function visitor(): void {
  http.batch(visit.map(({ request }) => request)).forEach((response, index) => {
    note(visit[index]?.route ?? 'page', response);
  });
  tell();
}

const waitable = new Set(['NOT_OPEN', 'BUSY', 'RATE_LIMITED', 'UNAVAILABLE', 'PAUSED']);
const maxPresses = 4;
const longestWaitSeconds = 2;

/** One shopper's way to a ticket, which is handed to a buyer. Whole numbers a second bring a few more than there are. */
export function asker(): void {
  const number = exec.scenario.iterationInTest;
  if (number < shopperCount) askForTicket(number);
  tell();
}

/** One shopper with a ticket, which was got through the edge or made before. */
export function buyer(): void {
  const number = exec.scenario.iterationInTest;
  if (plan.tickets === 'edge' && number >= shopperCount) return;
  const held = plan.tickets === 'minted' ? heldBy(number) : nextHeld();
  if (held === null) emptyHanded();
  else buyWith(held);
  tell();
}

/** The whole way at once, while the sale is open. */
export function shopper(): void {
  const held = askForTicket(exec.scenario.iterationInTest);
  if (held !== null) buyWith(held);
  tell();
}

/** Presses, perhaps twice at once, perhaps again; a winner watches the order. */
function buyWith(held: Held): void {
  const isInHurry = Math.random() < plan.behaviour.doubleClick;
  for (let presses = 1; ; presses += 1) {
    const both = isInHurry && presses === 1;
    const answers = both ? http.batch([purchase(held.ticket), purchase(held.ticket)]) : [press(held.ticket, presses)];
    const outcomes = answers.map((answer) => note('buy', answer));
    if (outcomes.includes('ACCEPTED')) {
      if (Math.random() < plan.behaviour.poll) watchOrder(held.orderId, held.token);
      return;
    }
    const outcome = outcomes.at(-1) ?? '';
    const goesOn = waitable.has(outcome) || (outcome === 'SOLD_OUT' && Math.random() < plan.behaviour.pressAgain);
    if (!goesOn || presses === maxPresses) return;
    // As the page does: as long as it was told, and not at the same instant as everybody else.
    const told = Number(answers.at(-1)?.headers['Retry-After'] ?? 1);
    sleep(Math.min(longestWaitSeconds, told) * (0.5 + Math.random() / 2));
  }
}

/** Once a second until the order is made, at most three times. */
function watchOrder(orderId: string, token: string): void {
  for (let look = 0; look < 3; look += 1) {
    sleep(1);
    const answer = http.get(urlOf(`/api/orders/${orderId}`), withToken(token));
    note('order', answer);
    if (typeof answer.body === 'string' && !answer.body.includes('"state":"queued"')) return;
  }
}
