import type { ProblemCode } from '#contract/problems.ts';
import type { MyOrder } from './my-order.ts';
import { byTestId, type Page } from './page.ts';
import { placeOrder, waitsOut } from './purchase.ts';
import type { SaleTicket } from './sale-ticket.ts';
import type { TicketDesk } from './ticket.ts';

const staleTicket = new Set<ProblemCode>(['TICKET_EXPIRED', 'TICKET_INVALID', 'TICKET_MISSING']);

/** Above this a refusal may be the answer to a request that the browser sent again. */
const slowAnswerMs = 1000;

/** Orders with the ticket in hand, and goes to the order or says why there is none. */
export function createSaleOrder(deps: {
  page: Page;
  saleId: string;
  desk: TicketDesk;
  ticket: SaleTicket;
  mine: Pick<MyOrder, 'keep' | 'path'>;
  needsPerson: () => boolean;
  say: (text: string) => void;
  /** The order is being placed. */
  onPlacing: () => void;
  /** It was refused. */
  onRefused: (code: ProblemCode) => void;
  /** A press is at work. */
  isBusy: () => boolean;
}): { place: () => Promise<void> } {
  const { page, saleId, desk, ticket, mine, needsPerson, say, onPlacing, onRefused, isBusy } = deps;
  const { words } = page;
  const quantity = byTestId<HTMLSelectElement>('quantity');

  async function order(mayRenew: boolean): Promise<void> {
    const held = desk.held();
    if (held === null) return;
    onPlacing();
    desk.markTried(true);
    const askedMs = performance.now();
    const outcome = await placeOrder(
      {
        call: page.call,
        callAsUser: page.session.call,
        sleep: page.sleep,
        nowMs: page.clock.now,
        random: Math.random,
        onWait: () => say(words.say.noAnswer),
      },
      { saleId, ...held, quantity: Number(quantity.value) },
    );
    if (outcome.kind === 'unsure') return say(words.say.unsure);
    if (outcome.kind === 'accepted') return goToOrder(outcome.orderId);
    if (!waitsOut.has(outcome.code)) desk.markTried(false);
    if (staleTicket.has(outcome.code)) {
      desk.drop();
      if (needsPerson()) return ticket.askAgain(words.problems[outcome.code]);
      if (mayRenew && (await ticket.get())) return order(false);
    }
    say(words.problems[outcome.code]);
    onRefused(outcome.code);
    if (outcome.code === 'SOLD_OUT' && performance.now() - askedMs > slowAnswerMs) void makeSure(held.orderId);
  }

  /**
   * A browser may send a POST twice on its own when a kept connection breaks, and without telling the page: then "sold out" can be
   * the second one's answer while the first took a unit. A resend costs time, and the edge refuses within
   * milliseconds: so only after a slow refusal is the order asked for, once, the crowd's looks spread out.
   */
  async function makeSure(orderId: string): Promise<void> {
    await page.sleep(2000 + Math.random() * 40_000);
    if (isBusy() || desk.held()?.orderId !== orderId) return;
    const reply = await page.session.call('GET', `/api/orders/${orderId}`);
    if (reply.kind === 'ok' && !isBusy()) return goToOrder(orderId);
  }

  function goToOrder(orderId: string): Promise<void> {
    desk.drop();
    mine.keep(orderId);
    say(words.say.in);
    location.assign(mine.path());
    return new Promise(() => {}); // The button stays busy while the browser leaves.
  }

  return { place: () => order(true) };
}
