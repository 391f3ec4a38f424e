import type { OrderView } from '#contract/order.ts';
import type { DeclineReason, PaymentAnswer } from '#contract/payment.ts';
import { mayPay } from './may-pay.ts';
import { actionsOf, type OrderAction } from './order-steps.ts';
import { byTestId, type Page, setText } from './page.ts';
import { hideQr, paintQr } from './paint-qr.ts';
import { askPatiently } from './purchase.ts';
import { webUrl } from './web-url.ts';

const names = ['pay', 'cancel', 'refund'] as const satisfies OrderAction[];
/** As long as a provider usually takes to say what became of a payment. */
const wordWithinMs = 15_000;
/** As long as a browser may take to leave for the provider's page: until then a second press does nothing. */
const leavingMs = 5000;
const paths = { pay: 'payment', cancel: 'cancel', refund: 'refund' } as const;

/**
 * Pay, cancel, return. Each is safe to ask for again, so a lost answer is retried. What cannot be taken back asks for a
 * second press on the same button: no dialog, nothing that a keyboard or a screen reader could miss. Only a press leads to
 * the provider's page: a payment that was begun before this page was there is asked about, once.
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
  /** Of the payment whose code is shown. */
  let scanning: string | null = null;
  let saying = 0;

  function say(text: string): void {
    saying += 1;
    setText(byTestId('message'), text);
  }
  const sayDeclined = (declined: DeclineReason | null) => {
    const why = words.declined[declined === null || declined === 'other' ? 'unknown' : declined];
    say(words.fill(words.order.paymentFailed, { why }));
  };

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
    if (reply.kind !== 'ok') say(reply.kind === 'lost' ? words.problems.UNAVAILABLE : words.problems[reply.code]);
    else if (name === 'pay') await goOn(reply.body);
    else say('');
    doing = null;
    mark();
    onDone();
  }

  /** Does what the answer to a press says; the provider's own word may have come before it. */
  async function goOn(answer: PaymentAnswer): Promise<void> {
    const { paymentId, next } = answer;
    if (paymentId !== null) tell(paymentId, answer); // null: the shop's own checkout takes the money
    if (answer.state !== 'pending' || heard.has(`${paymentId} declined`)) return;
    if (next.kind === 'qr') {
      scanning = paymentId;
      await paintQr(next.text);
      return say(words.order.scan);
    }
    const address = next.kind === 'redirect' ? webUrl(next.url) : null;
    if (address === null) return;
    say(words.order.leaving);
    location.assign(address);
    await page.sleep(leavingMs);
  }

  /** How a payment stands. */
  function tell(paymentId: string, { state: stands, declined: why, next }: PaymentAnswer): void {
    heard.add(wordOf({ paymentId, state: 'open' }));
    const declined = wordOf({ paymentId, state: 'declined' });
    if (stands === 'failed') {
      heard.add(declined);
      sayDeclined(why);
    } else if (heard.has(declined))
      return; // it was said with its reason
    else if (stands !== 'pending' || state !== 'awaiting_payment')
      say(''); // paid: the page says that itself
    else if (next.kind === 'none') awaitWord();
    else say(words.order.stillOpen);
  }

  function awaitWord(): void {
    say(words.order.paying);
    const said = saying;
    void page.sleep(wordWithinMs).then(() => {
      if (said === saying) say(words.order.noWordOfPayment);
    });
  }

  /** A payment that was begun elsewhere, or before the shopper came back: the provider is asked how it stands. */
  async function lookAt(paymentId: string): Promise<void> {
    awaitWord();
    const body = { paymentId };
    const reply = await page.session.call<PaymentAnswer>('POST', `${path}/${paths.pay}`, { body });
    if (reply.kind === 'ok' && doing === null) tell(paymentId, reply.body);
    onDone();
  }

  /** What the order's picture says of its payment. */
  function hear({ payment }: OrderView): void {
    const isDeclined = payment?.state === 'declined';
    if (scanning !== null && (state !== 'awaiting_payment' || (isDeclined && payment.paymentId === scanning))) {
      scanning = null;
      hideQr();
    }
    if (payment === null || heard.has(wordOf(payment))) return;
    heard.add(wordOf(payment));
    if (!isDeclined && doing !== null) return; // the answer to the press tells
    sure = null;
    if (isDeclined) sayDeclined(payment.declined);
    else void lookAt(payment.paymentId);
  }

  function mark(): void {
    for (const name of names) byTestId(name).setAttribute('aria-busy', String(doing === name));
  }

  /** What the pay button says; null: what it said when the page came. */
  function labelOf({ checkout, payment }: OrderView): string | null {
    const { pay } = words.order;
    if (payment?.state === 'declined') return pay.again;
    if (checkout === 'shop') return pay.atShop;
    return payment === null ? null : pay.goOn;
  }

  for (const name of names) byTestId(name).addEventListener('click', () => void act(name));
  return {
    paint(view: OrderView): void {
      const offered = actionsOf(view);
      byTestId('actions').hidden = !offered.includes('cancel');
      for (const name of names) byTestId(name).hidden = !offered.includes(name);
      const pay = byTestId<HTMLButtonElement>('pay');
      pay.disabled = !mayPay(view);
      const label = labelOf(view);
      if (label !== null) setText(pay, label);
      // A question, and any other message, is about the state in which it was said.
      if (state !== null && state !== view.state) {
        sure = null;
        say('');
      }
      state = view.state;
      hear(view);
    },
    /** What is to be told of a return from the provider's page, of an order whose time was over meanwhile. */
    say,
  };
}
