import type { OrderView } from '#contract/order.ts';
import type { PaymentAnswer } from '#contract/payment.ts';
import { actionsOf, type OrderAction } from './order-steps.ts';
import { byTestId, type Page, setText } from './page.ts';
import { askPatiently } from './purchase.ts';

const names = ['pay', 'cancel', 'refund'] as const satisfies OrderAction[];
/** As long as a provider usually takes to say what became of a payment. */
const wordWithinMs = 15_000;
const paths = { pay: 'payment', cancel: 'cancel', refund: 'refund' } as const;

/**
 * Pay, cancel, return. Each is safe to ask for again, so a lost answer is retried. What cannot be taken back asks for a
 * second press on the same button: no dialog, nothing that a keyboard or a screen reader could miss.
 */
export function createOrderActions(page: Page, path: string, onDone: () => void) {
  const { words } = page;
  let doing: OrderAction | null = null;
  let sure: OrderAction | null = null;
  let state: OrderView['state'] | null = null;
  /** What was heard of the order's payments: a word that comes late or twice changes nothing. */
  const heard = new Set<string>();
  const wordOf = ({ paymentId, state: stands }: Pick<NonNullable<OrderView['payment']>, 'paymentId' | 'state'>) =>
    `${paymentId} ${stands}`;
  let saying = 0;

  function say(text: string): void {
    saying += 1;
    setText(byTestId('message'), text);
  }

  async function act(name: OrderAction): Promise<void> {
    if (doing !== null) return;
    if (name !== 'pay' && sure !== name) {
      sure = name;
      return say(name === 'cancel' ? words.order.sureCancel : words.order.sureRefund);
    }
    sure = null;
    doing = name;
    mark();
    say(name === 'pay' ? words.order.paying : '');
    const waiting = {
      sleep: page.sleep,
      nowMs: page.clock.now,
      random: Math.random,
      onWait: () => say(words.order.lost),
    };
    const reply = await askPatiently(waiting, () => page.session.call<PaymentAnswer>('POST', `${path}/${paths[name]}`));
    doing = null;
    mark();
    if (reply.kind !== 'ok') say(reply.kind === 'lost' ? words.problems.UNAVAILABLE : words.problems[reply.code]);
    else if (name === 'pay') tell(reply.body);
    else say('');
    onDone();
  }

  /** What the answer to a press says; the provider's own word may have come before it. */
  function tell({ paymentId, state: stands, next }: PaymentAnswer): void {
    if (paymentId === null) {
      // The shop's own checkout takes the money.
      if (next.kind === 'redirect') location.assign(next.url);
      return;
    }
    heard.add(wordOf({ paymentId, state: 'open' }));
    const declined = wordOf({ paymentId, state: 'declined' });
    if (stands === 'failed') heard.add(declined);
    if (heard.has(declined)) say(words.order.paymentFailed);
    else if (stands === 'pending' && state === 'awaiting_payment') awaitWord();
    else say(''); // paid: the page says that itself
  }

  function awaitWord(): void {
    say(words.order.paying);
    const said = saying;
    void page.sleep(wordWithinMs).then(() => {
      if (said === saying) say(words.order.noWordOfPayment);
    });
  }

  function mark(): void {
    for (const name of names) byTestId(name).setAttribute('aria-busy', String(doing === name));
  }

  for (const name of names) byTestId(name).addEventListener('click', () => void act(name));
  return {
    paint(view: OrderView): void {
      const offered = actionsOf(view);
      byTestId('actions').hidden = !offered.includes('pay');
      for (const name of names) byTestId(name).hidden = !offered.includes(name);
      // A question, and any other message, is about the state in which it was said.
      if (state !== null && state !== view.state) {
        sure = null;
        say('');
      }
      state = view.state;
      if (view.payment == null || heard.has(wordOf(view.payment))) return;
      heard.add(wordOf(view.payment));
      if (doing !== null) return; // the answer to the press tells
      sure = null;
      if (view.payment.state === 'declined') say(words.order.paymentFailed);
      else awaitWord();
    },
  };
}
